#pragma once

#include "tinkerbell/base/paths.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace tinkerbell::cli {

/// What a program finds around it.
struct Surroundings {
  GetEnv get_env;
  std::ostream& out;
  std::ostream& err;
  int input = -1;   ///< Standard input; -1: there is none.
  int output = -1;  ///< Where `out` goes; -1: to no file.
};

/// The whole of `tinkerbell`: reads the words of its command line (without its own name), does what
/// they say and gives the exit code.
[[nodiscard]] int run_program(std::vector<std::string> words, const Surroundings& around);

}  // namespace tinkerbell::cli
