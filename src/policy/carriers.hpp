#pragma once

#include <string_view>

namespace tinkerbell {

/// Whether a program of this name runs whatever its arguments say: a shell, an interpreter, a
/// wrapper around other programs, or a tool with a command language of its own. A rule that allows
/// such a name would allow everything. Source: GTFOBins; HAZARDS S13, S15, S25.
[[nodiscard]] bool is_carrier(std::string_view program_name);

}  // namespace tinkerbell
