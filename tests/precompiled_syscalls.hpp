// For tests of the system calls.
#pragma once

#include "precompiled.hpp"
#include "support/syscall_world.hpp"
