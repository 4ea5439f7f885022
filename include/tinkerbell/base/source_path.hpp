#pragma once

#include <string>
#include <string_view>

namespace tinkerbell {

/// A source file's name as the compiler put it into the program, from the source root on. The build
/// takes the root itself away (src/CMakeLists.txt); what is left where the compiler was called with
/// a name relative to the build directory, as ccache may do, is "../../src/a.cpp": that goes here.
/// Part of `file`; safe in a signal handler.
[[nodiscard]] constexpr const char* source_path(const char* file) noexcept {
  constexpr std::string_view kUp = "../";
  while (std::string_view(file).starts_with(kUp))
    file += kUp.size();
  return file;
}

/// "Agent::ask_model" of "Task<Result<…>> tinkerbell::(anonymous namespace)::Agent::ask_model()".
[[nodiscard]] std::string short_function(std::string function);

}  // namespace tinkerbell
