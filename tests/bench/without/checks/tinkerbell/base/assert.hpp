#pragma once

/// No invariant is checked, no transition looked up.
#define TINKERBELL_ASSERT(condition) static_cast<void>(sizeof(condition))
