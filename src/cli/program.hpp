#pragma once

#include "tinkerbell/base/paths.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace tinkerbell::cli {

/// The whole of `tinkerbell`: reads the words of its command line (without its own name), does what
/// they say and gives the exit code. `out` and `err` stand for standard output and error.
[[nodiscard]] int run_program(std::vector<std::string> words, const GetEnv& get_env,
                              std::ostream& out, std::ostream& err);

}  // namespace tinkerbell::cli
