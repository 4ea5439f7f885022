#include "drivers/file/guidance.hpp"

#include "drivers/file/front_matter.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::string_view kInstructionsFile = "AGENTS.md";
constexpr std::string_view kSkillFile = "SKILL.md";
constexpr std::string_view kSkillsDirectory = ".agents/skills";
constexpr std::string_view kNotesDirectory = ".agents/notes";
constexpr std::uint64_t kFileBytesMax = 1 << 20;
constexpr std::uint64_t kSkillBytesMax = 256 << 10;
constexpr std::size_t kNoteBytesMax = 2'000;
constexpr std::uint32_t kEntriesMax = 1'000;
constexpr std::size_t kSkillsMax = 100;
constexpr std::size_t kSkillFilesMax = 100;

/// A directory in which something is looked for, and what of it may be read.
struct Place {
  const Workspace& root;
  std::function<bool(const std::string& path)> may_read;
};

Place workspace_place(const FileScene& scene, const Call& call) {
  return {.root = scene.workspace, .may_read = [&scene, &call](const std::string& path) {
            return !is_own(path, scene) &&
                   scene.limits.may_show(AwaitFileSearch{.text = "x", .path = path}, call.facts,
                                         path);
          }};
}

Place foreign_place(const Workspace& root) {
  return {.root = root, .may_read = [](const std::string&) { return true; }};
}

/// Null: there is none.
std::shared_ptr<Workspace> opened(const std::filesystem::path& directory) {
  std::error_code failure;
  const std::filesystem::path real = std::filesystem::canonical(directory, failure);
  if (directory.empty() || failure) return nullptr;
  Result<std::shared_ptr<Workspace>> root = Workspace::open(real.string());
  return root ? *root : nullptr;
}

Result<std::string> read_text(const Place& place, const std::string& path,
                              std::uint64_t bytes_max) {
  const Result<WorkspacePath> found = place.root.resolve(path);
  if (!found) return found.error();
  if (!place.may_read(found->text())) return Error{Errc::denied, "the rules forbid to read it"};
  return place.root.read(*found, bytes_max);
}

/// The names of what stands in a directory; none where there is no such one.
std::vector<std::string> names_in(const Place& place, const std::string& directory,
                                  std::string_view type) {
  std::vector<std::string> names;
  const Result<WorkspacePath> found = place.root.resolve(directory);
  if (!found) return names;
  const auto listed = place.root.list(*found, /*recursive=*/false, kEntriesMax, place.may_read);
  if (!listed) return names;
  for (const FileEntry& entry : listed->entries) {
    if (entry.type == type) names.push_back(std::filesystem::path(entry.path).filename().string());
  }
  return names;
}

/// At most so much of it, and less so much of what is left.
GuidanceFile taken(std::string path, const std::string& text, std::uint64_t& bytes_left,
                   std::size_t bytes_max) {
  const std::string valid = valid_utf8(text);
  GuidanceFile file{.path = std::move(path), .sha256 = sha256(text).hex(), .text = {}};
  std::size_t room = std::min<std::size_t>(bytes_left, bytes_max);
  file.complete = valid.size() <= room;
  while (!file.complete && room > 0 && (static_cast<unsigned char>(valid[room]) & 0xC0) == 0x80)
    --room;
  file.text = valid.substr(0, room);
  bytes_left -= file.text.size();
  return file;
}

// ---- AGENTS.md ----

bool is_ours(const std::filesystem::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 &&
         (status.st_uid == ::geteuid() || status.st_uid == 0);
}

/// The directories above the workspace up to the root of its repository, the nearest first; none if
/// it is the root itself, or in no repository.
std::vector<std::filesystem::path> directories_above(const std::filesystem::path& workspace) {
  std::vector<std::filesystem::path> above;
  for (std::filesystem::path at = workspace;; at = at.parent_path()) {
    if (at != workspace) {
      if (!is_ours(at)) return {};
      above.push_back(at);
    }
    struct stat status{};
    if (::lstat((at / ".git").c_str(), &status) == 0) {
      return is_ours(at / ".git") ? above : std::vector<std::filesystem::path>{};
    }
    if (!at.has_relative_path()) return {};
  }
}

/// Reads one, unless it is not there.
void add_instructions(const Place& place, const std::string& shown, std::uint64_t& bytes_left,
                      AwaitGuidance::Reply& reply) {
  const Result<std::string> text = read_text(place, std::string(kInstructionsFile), kFileBytesMax);
  if (text) {
    reply.instructions.push_back(taken(shown, *text, bytes_left, kFileBytesMax));
  } else if (text.error().code != Errc::not_found) {
    reply.left.push_back(shown + ": " + text.error().message);
  }
}

void find_instructions(const FileScene& scene, const Call& call, std::uint64_t bytes_left,
                       AwaitGuidance::Reply& reply) {
  add_instructions(workspace_place(scene, call), std::string(kInstructionsFile), bytes_left, reply);
  for (const std::filesystem::path& directory : directories_above(scene.workspace.known_as())) {
    const std::shared_ptr<Workspace> root = opened(directory);
    if (!root) continue;
    add_instructions(foreign_place(*root), (directory / kInstructionsFile).string(), bytes_left,
                     reply);
  }
  std::ranges::reverse(reply.instructions);
}

// ---- notes ----

void find_notes(const Place& place, std::uint64_t bytes_left, AwaitGuidance::Reply& reply) {
  std::vector<std::string> names = names_in(place, std::string(kNotesDirectory), "file");
  std::ranges::reverse(names);  // they begin with their time
  for (const std::string& name : names) {
    if (bytes_left == 0) break;
    const std::string path = std::string(kNotesDirectory) + "/" + name;
    const Result<std::string> text = read_text(place, path, kFileBytesMax);
    if (text) {
      reply.notes.push_back(taken(path, *text, bytes_left, kNoteBytesMax));
    } else {
      reply.left.push_back(path + ": " + text.error().message);
    }
  }
  std::ranges::reverse(reply.notes);
}

// ---- skills ----

/// Calls `visit` with each place of skills, the nearest first, until it says that that is enough.
template <class Visit>
void for_each_place(const FileScene& scene, const Call& call, const Visit& visit) {
  if (visit(workspace_place(scene, call), std::string(kSkillsDirectory), SkillPlace::workspace)) {
    return;
  }
  const std::shared_ptr<Workspace> user = opened(scene.limits.user_skills);
  if (user && visit(foreign_place(*user), ".", SkillPlace::user)) return;
  const std::shared_ptr<Workspace> system = opened(scene.limits.system_skills);
  if (system) visit(foreign_place(*system), ".", SkillPlace::system);
}

/// Errors: those of reading; invalid (no skill).
Result<SkillHead> skill_head(const Place& place, const std::string& directory,
                             const std::string& name, SkillPlace where) {
  if (!is_skill_name(name)) return Error{Errc::invalid, "the directory has no name of a skill"};
  const Result<std::string> text =
      read_text(place, directory + "/" + name + "/" + std::string(kSkillFile), kSkillBytesMax);
  if (!text) return text.error();
  Result<SkillText> skill = read_skill_text(*text);
  if (!skill) return skill.error();
  if (skill->name != name) return Error{Errc::invalid, "its name is not that of its directory"};
  return SkillHead{.name = name, .description = std::move(skill->description), .place = where};
}

void find_skills(const FileScene& scene, const Call& call, AwaitGuidance::Reply& reply) {
  for_each_place(
      scene, call, [&](const Place& place, const std::string& directory, SkillPlace where) {
        for (const std::string& name : names_in(place, directory, "directory")) {
          if (reply.skills.size() == kSkillsMax) return true;
          const auto nearer = std::ranges::find(reply.skills, name, &SkillHead::name);
          if (nearer != reply.skills.end()) continue;
          Result<SkillHead> head = skill_head(place, directory, name, where);
          if (head) {
            reply.skills.push_back(*std::move(head));
          } else {
            reply.left.push_back("skill " + visible_line(name) + ": " + head.error().message);
          }
        }
        return false;
      });
  std::ranges::sort(reply.skills, {}, &SkillHead::name);
}

/// Relative to the skill's directory, but for SKILL.md.
std::vector<std::string> files_of(const Place& place, const std::string& directory) {
  std::vector<std::string> files;
  const Result<WorkspacePath> found = place.root.resolve(directory);
  if (!found) return files;
  const auto listed = place.root.list(*found, /*recursive=*/true, kEntriesMax, place.may_read);
  if (!listed) return files;
  for (const FileEntry& entry : listed->entries) {
    std::string file = std::filesystem::path(entry.path).lexically_relative(found->text()).string();
    if (entry.type != "file" || file == kSkillFile) continue;
    if (files.size() == kSkillFilesMax) break;
    files.push_back(std::move(file));
  }
  return files;
}

Result<AwaitSkill::Reply> file_of_skill(const Place& place, const std::string& directory,
                                        SkillPlace where, const AwaitSkill& command) {
  const Result<WorkspacePath> skill = place.root.resolve(directory);
  if (!skill) return skill.error();
  const Result<WorkspacePath> file = place.root.resolve(directory + "/" + command.file);
  if (!file) return file.error();
  const std::string relative =
      std::filesystem::path(file->text()).lexically_relative(skill->text()).string();
  if (relative.starts_with("..")) {
    return Error{Errc::outside_workspace, visible_line(command.file) + " leaves the skill"};
  }
  Result<std::string> text = read_text(place, file->text(), command.bytes_max);
  if (!text) return text.error();
  AwaitSkill::Reply reply{.text = *std::move(text), .directory = directory, .files = {}};
  if (where != SkillPlace::workspace) reply.directory = place.root.path() + "/" + command.name;
  if (relative == kSkillFile) {
    if (const Result<SkillText> parts = read_skill_text(reply.text)) {
      reply.text = std::string(parts->body);
    }
    reply.files = files_of(place, directory);
  }
  return reply;
}

}  // namespace

AwaitGuidance::Reply read_guidance(const FileScene& scene, const Call& call,
                                   const AwaitGuidance& command) {
  AwaitGuidance::Reply reply;
  find_instructions(scene, call, command.instructions_bytes_max, reply);
  find_notes(workspace_place(scene, call), command.notes_bytes_max, reply);
  find_skills(scene, call, reply);
  return reply;
}

Result<AwaitSkill::Reply> read_skill(const FileScene& scene, const Call& call,
                                     const AwaitSkill& command) {
  std::optional<Result<AwaitSkill::Reply>> found;
  for_each_place(scene, call,
                 [&](const Place& place, const std::string& directory, SkillPlace where) {
                   if (!skill_head(place, directory, command.name, where)) return false;
                   found = file_of_skill(place, directory + "/" + command.name, where, command);
                   return true;
                 });
  if (found) return *found;
  return Error{Errc::not_found, "there is no skill \"" + visible_line(command.name) + "\""};
}

}  // namespace tinkerbell
