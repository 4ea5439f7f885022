#pragma once

#include "support/built_program.hpp"
#include "support/child.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

/// The scripted model (model_server.cpp); ends with this.
class Model {
 public:
  Model() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("no pipe");
    const UniqueFd reads(ends[0]);
    const UniqueFd writes(ends[1]);
    process_ = std::make_unique<Child>(std::vector<std::string>{built_program("model_server")},
                                       writes.get(), STDERR_FILENO);
    std::array<char, 16> line{};
    if (::read(reads.get(), line.data(), line.size() - 1) <= 0) fail("no model server");
    port_ = std::to_string(std::strtoul(line.data(), nullptr, 10));
  }

  /// Of answers as that path says: "/100/50".
  [[nodiscard]] std::string url(std::string_view path) const {
    return "http://127.0.0.1:" + port_ + std::string(path);
  }

 private:
  std::unique_ptr<Child> process_;
  std::string port_;
};

}  // namespace tinkerbell
