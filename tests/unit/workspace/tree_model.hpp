#pragma once

#include "support/dice.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tinkerbell {

/// A tree as a test wants it: written with other means than those that are tested.
struct ModelNode {
  FileType type = FileType::file;
  std::uint32_t mode = 0644;
  std::string content{};  ///< Of a link: where it leads.

  bool operator==(const ModelNode&) const = default;
};

using TreeModel = std::map<std::string, ModelNode>;

inline ModelNode model_file(std::string content, std::uint32_t mode = 0644) {
  return {FileType::file, mode, std::move(content)};
}

inline ModelNode model_directory(std::uint32_t mode = 0755) {
  return {FileType::directory, mode};
}

inline ModelNode model_link(std::string target) {
  return {FileType::link, 0777, std::move(target)};
}

inline Tree tree_of(const TreeModel& model) {
  Tree tree;
  for (const auto& [path, node] : model) {
    const bool directory = node.type == FileType::directory;
    tree.entries.push_back({.path = path,
                            .type = node.type,
                            .mode = node.mode,
                            .bytes = node.content.size(),
                            .content = directory ? Sha256{} : sha256(node.content)});
  }
  return tree;
}

/// What counts of a tree.
inline std::map<std::string, FileState> states_of(const Tree& tree) {
  std::map<std::string, FileState> states;
  for (const TreeEntry& entry : tree.entries)
    states.emplace(entry.path, state_of(entry));
  return states;
}

inline void put_contents(const TreeModel& model, ContentStore& store) {
  for (const auto& [path, node] : model) {
    if (node.type != FileType::directory && !store.put(node.content)) std::abort();
  }
}

inline void must(bool holds) {
  if (!holds) std::abort();
}

/// Writes it into an empty directory. Names may be of any bytes and paths of any length.
inline void write_model(const TreeModel& model, const std::filesystem::path& directory) {
  for (const auto& [path, node] : model) {
    const std::string place = (directory / path).string();
    if (node.type == FileType::directory) {
      must(::mkdir(place.c_str(), 0700) == 0);
    } else if (node.type == FileType::link) {
      must(::symlink(node.content.c_str(), place.c_str()) == 0);
    } else {
      const int fd = ::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      const std::size_t data = std::min(node.content.find_first_not_of('\0'), node.content.size());
      const std::string_view bytes = std::string_view(node.content).substr(data);
      must(fd >= 0 && ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(data)) ==
                          static_cast<ssize_t>(bytes.size()));
      must(::ftruncate(fd, static_cast<off_t>(node.content.size())) == 0);
      must(::fchmod(fd, node.mode) == 0 && ::close(fd) == 0);
    }
  }
  for (auto each = model.rbegin(); each != model.rend(); ++each) {
    if (each->second.type != FileType::directory) continue;
    must(::chmod((directory / each->first).c_str(), each->second.mode) == 0);
  }
}

/// Removes what is in a directory, also what may not be written to.
inline void remove_contents(const std::filesystem::path& directory) {
  ::chmod(directory.c_str(), 0700);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.symlink_status().type() == std::filesystem::file_type::directory) {
      remove_contents(entry.path());
    }
    std::filesystem::remove(entry.path());
  }
}

/// Makes trees and changes them.
class RandomTree {
 public:
  explicit RandomTree(std::uint64_t seed) : dice_(seed) {}

  [[nodiscard]] TreeModel grow() {
    TreeModel model;
    for (std::uint64_t left = 3 + dice_.pick(12); left > 0; --left)
      add(model);
    if (dice_.chance(8)) add_deep(model);
    return model;
  }

  void change(TreeModel& model) {
    for (std::uint64_t left = 1 + dice_.pick(8); left > 0; --left)
      change_one(model);
  }

  Dice& dice() { return dice_; }

 private:
  void change_one(TreeModel& model) {
    if (model.empty() || dice_.chance(4)) return add(model);
    const auto picked =
        std::next(model.begin(), static_cast<std::ptrdiff_t>(dice_.pick(model.size())));
    const std::string path = picked->first;
    ModelNode& node = picked->second;
    switch (dice_.pick(5)) {
      case 0:
        return remove(model, path);
      case 1:
        if (node.type != FileType::link) node.mode = some_mode(node.type);
        return;
      case 2:
        if (node.type != FileType::directory) node.content = some_content(node.type);
        return;
      case 3:
        remove(model, path);
        model[path] = some_node();
        return;
      default:
        return edit_line(node);
    }
  }

  static void remove(TreeModel& model, const std::string& path) {
    std::erase_if(model, [&](const auto& each) {
      return each.first == path || each.first.starts_with(path + '/');
    });
  }

  void add(TreeModel& model) {
    std::string path = some_name();
    std::vector<std::string> directories;
    for (const auto& [each, node] : model) {
      if (node.type == FileType::directory) directories.push_back(each);
    }
    if (!directories.empty() && !dice_.chance(3)) {
      path = directories[dice_.pick(directories.size())] + '/' + path;
    }
    if (path.size() < 3'000) model.try_emplace(path, some_node());
  }

  /// Deeper than descriptors are held for.
  void add_deep(TreeModel& model) {
    std::string path = "deep";
    for (int level = 0; level < 40; ++level) {
      model.try_emplace(path, model_directory());
      if (model[path].type != FileType::directory) return;
      path += "/d";
    }
    model.try_emplace(path, some_node());
  }

  void edit_line(ModelNode& node) {
    if (node.type != FileType::file || node.content.size() > 1'000) return;
    std::size_t at = dice_.pick(node.content.size() + 1);
    at = std::min(node.content.find('\n', at), node.content.size());
    node.content.insert(at, "\nline " + std::to_string(dice_.pick(3)) + '\n');
  }

  [[nodiscard]] std::string some_name() {
    static const std::array<std::string, 14> kNames{
        "a",          "b",   "c",    "a-b",      "a0", "new\nline", "\xFF\xFE",
        "with space", "-rf", ".env", "\x1B[31m", "é",  "...",       std::string(255, 'x')};
    return kNames[dice_.pick(kNames.size())];
  }

  [[nodiscard]] ModelNode some_node() {
    const auto type = static_cast<FileType>(std::array{0, 0, 1, 1, 2}[dice_.pick(5)]);
    return {type, some_mode(type), some_content(type)};
  }

  /// The owner may always read it: what cannot be read is not in a tree.
  [[nodiscard]] std::uint32_t some_mode(FileType type) {
    static constexpr std::array<std::uint32_t, 6> kFileModes{0644, 0755, 0600, 0444, 0400, 0644};
    static constexpr std::array<std::uint32_t, 4> kDirectoryModes{0755, 0700, 0555, 0775};
    if (type == FileType::link) return 0777;
    return type == FileType::file ? kFileModes[dice_.pick(kFileModes.size())]
                                  : kDirectoryModes[dice_.pick(kDirectoryModes.size())];
  }

  [[nodiscard]] std::string some_content(FileType type) {
    if (type == FileType::directory) return {};
    if (type == FileType::link) return std::array{"a", "../outside", "/etc", "\xFF"}[dice_.pick(4)];
    switch (dice_.pick(12)) {
      case 0:
        return {};
      case 1:
        return std::string(20'000, '\0') + "after a hole";
      case 2:
        return std::string(300'000, static_cast<char>('a' + dice_.pick(26)));
      case 3:
        return std::string(8'192, '\0');
      default:
        break;
    }
    std::string text;
    for (std::uint64_t line = 0; line < 12; ++line)
      text += "line " + std::to_string(line * dice_.pick(3)) + '\n';
    return text;
  }

  Dice dice_;
};

/// Somebody whom the kernel asks for permission, if the test runs as root. Owns a directory with
/// all that is in it.
class AsOrdinaryUser {
 public:
  explicit AsOrdinaryUser(const std::filesystem::path& home) {
    if (::geteuid() != 0) return;
    must(::chown(home.c_str(), kUser, kUser) == 0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(home))
      must(::lchown(entry.path().c_str(), kUser, kUser) == 0);
    must(::setegid(kUser) == 0 && ::seteuid(kUser) == 0);
    changed_ = true;
  }

  AsOrdinaryUser(const AsOrdinaryUser&) = delete;
  AsOrdinaryUser& operator=(const AsOrdinaryUser&) = delete;

  ~AsOrdinaryUser() {
    if (changed_) must(::seteuid(0) == 0 && ::setegid(0) == 0);
  }

 private:
  static constexpr uid_t kUser = 65534;
  bool changed_ = false;
};

}  // namespace tinkerbell
