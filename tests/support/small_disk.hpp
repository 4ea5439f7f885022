#pragma once

#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace tinkerbell {

/// A file system of its own in memory, mounted on a directory for as long as this lives. Needs the
/// right to mount: see works().
class SmallDisk {
 public:
  /// `options`: as tmpfs(5) has them: "size=4m", "nr_inodes=20".
  SmallDisk(std::filesystem::path directory, const std::string& options)
      : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_);
    const std::string data = "mode=0700," + options;
    const int failed = ::mount("tinkerbell", directory_.c_str(), "tmpfs", 0, data.c_str());
    if (failed != 0) why_ = std::strerror(errno);
  }

  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  ~SmallDisk() {
    if (works()) ::umount2(directory_.c_str(), MNT_DETACH);
  }

  [[nodiscard]] bool works() const { return why_.empty(); }

  [[nodiscard]] const std::string& why_not() const { return why_; }

  /// Takes all room but for so many bytes.
  void fill(std::uint64_t but_for = 0) const {
    std::ofstream file(filler(), std::ios::binary | std::ios::app);
    const std::string block(4'096, 'x');
    while (free_bytes() > but_for + block.size() && file.write(block.data(), 4'096).flush())
      continue;
  }

  /// Takes all names.
  void fill_names() const {
    for (int i = 0; std::ofstream(directory_ / ("filler" + std::to_string(i))).good(); ++i)
      continue;
  }

  /// Gives back what fill() took.
  void make_room() const { std::filesystem::remove(filler()); }

  [[nodiscard]] bool make_read_only() const {
    return ::mount(nullptr, directory_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  [[nodiscard]] std::filesystem::path filler() const { return directory_ / "filler"; }

  [[nodiscard]] std::uint64_t free_bytes() const {
    struct statvfs found{};
    ::statvfs(directory_.c_str(), &found);
    return found.f_bavail * found.f_frsize;
  }

  std::filesystem::path directory_;
  std::string why_;
};

}  // namespace tinkerbell
