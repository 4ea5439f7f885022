#pragma once

#include "support/temp_dir.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {

/// A workspace "work" beside a directory "outside" that no test may reach.
class WorkspaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ / "work");
    dir_.write("outside/canary", kCanary);
    Result<std::shared_ptr<Workspace>> opened = Workspace::open((dir_ / "work").string());
    ASSERT_TRUE(opened) << opened.error().message;
    workspace_ = *opened;
  }

  static constexpr std::string_view kCanary = "canary";
  static constexpr std::string_view kKey = "00112233445566778899aabbccddeeff";

  static Errc code(const auto& result) { return result ? Errc::internal : result.error().code; }

  static std::string hash(std::string_view content) { return sha256(content).hex(); }

  void put(const std::string& name, std::string_view content) const {
    dir_.write("work/" + name, content);
  }

  [[nodiscard]] std::string get(const std::string& name) const { return dir_.read("work/" + name); }

  [[nodiscard]] bool exists(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(dir_ / ("work/" + name)));
  }

  void link(const std::string& target, const std::string& name) const {
    std::filesystem::create_symlink(target, dir_ / ("work/" + name));
  }

  [[nodiscard]] Result<std::string> read(std::string_view path,
                                         std::uint64_t bytes_max = 1 << 20) const {
    Result<WorkspacePath> place = workspace_->resolve(path);
    return place ? workspace_->read(*place, bytes_max) : Result<std::string>(place.error());
  }

  [[nodiscard]] Result<std::uint32_t> write(std::string_view path, std::string_view content,
                                            std::string_view expect_sha256 = {}) const {
    Result<WorkspacePath> place = workspace_->resolve_to_change(path);
    if (!place) return place.error();
    return workspace_->replace(*place, {content, expect_sha256, kKey});
  }

  static bool every_file(const std::string& /*path*/) { return true; }

  TempDir dir_;
  std::shared_ptr<Workspace> workspace_;
};

}  // namespace tinkerbell
