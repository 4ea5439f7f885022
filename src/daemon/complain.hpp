#pragma once

#include "tinkerbell/base/error.hpp"
#include "tinkerbell/base/text.hpp"

#include <iostream>

namespace tinkerbell {

/// Says on standard error why the program ends; returns the exit status that it is given.
inline int complain(int exit_code, const Error& error) {
  std::cerr << "tinkerbelld: " << visible_line(error.message) << "\n";
  return exit_code;
}

}  // namespace tinkerbell
