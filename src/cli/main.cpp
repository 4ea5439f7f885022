#include "cli/exit_code.hpp"
#include "cli/program.hpp"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <utility>

int main(int argc, char** argv) {
  using namespace tinkerbell::cli;
  try {
    const auto get_env = [](const char* name) -> const char* { return std::getenv(name); };
    return run_program({argv + 1, argv + argc}, {.get_env = get_env,
                                                 .out = std::cout,
                                                 .err = std::cerr,
                                                 .input = STDIN_FILENO,
                                                 .output = STDOUT_FILENO});
  } catch (const std::exception& failure) {
    std::cerr << "tinkerbell: internal error: " << failure.what() << "\n";
    return std::to_underlying(ExitCode::internal);
  }
}
