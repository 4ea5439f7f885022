#include "workspace/standing.hpp"

#include "workspace/beneath.hpp"
#include "workspace/file_content.hpp"
#include "workspace/file_status.hpp"
#include "workspace/path_text.hpp"
#include "workspace/tree_entry.hpp"

namespace tinkerbell {

namespace {

bool is_expected_size(const PlannedPath& planned, std::uint64_t bytes) {
  return (planned.was(FileType::file) && planned.before->bytes == bytes) ||
         (planned.becomes(FileType::file) && planned.after->bytes == bytes);
}

Result<Sha256> content_at(int directory, const std::string& leaf, const TreeEntry& entry,
                          const PlannedPath& planned) {
  if (entry.type == FileType::link) {
    Result<std::string> target = link_target(directory, leaf, planned.path);
    if (!target) return target.error();
    return sha256(*target);
  }
  if (entry.type == FileType::directory || !is_expected_size(planned, entry.bytes)) return Sha256{};
  Result<OpenFile> file = open_regular(directory, leaf);
  if (!file) return file.error();
  Result<ContentSum> sum = hash_content(file->fd.get(), {}, planned.path);
  if (!sum) return sum.error();
  return sum->sha256;
}

}  // namespace

Result<std::optional<UniqueFd>> directory_above(int root, const std::string& path) {
  Result<UniqueFd> directory = open_beneath(root, split_leaf(path).first, O_RDONLY | O_DIRECTORY,
                                            Links::refuse, Mounts::refuse);
  if (directory) return std::optional(*std::move(directory));
  switch (directory.error().code) {
    case Errc::not_found:
    case Errc::invalid:            // a file
    case Errc::conflict:           // a link
    case Errc::outside_workspace:  // another mount
      return std::optional<UniqueFd>();
    default:
      return directory.error();
  }
}

Result<Standing> standing_at(int root, const PlannedPath& planned) {
  Result<std::optional<UniqueFd>> directory = directory_above(root, planned.path);
  if (!directory) return directory.error();
  if (!*directory) return Standing{};
  const std::string leaf = split_leaf(planned.path).second;
  Result<struct statx> top = statx_of((*directory)->get(), "", planned.path);
  if (!top) return top.error();
  Result<struct statx> status = statx_of((*directory)->get(), leaf.c_str(), planned.path);
  if (!status && status.error().code == Errc::not_found) return Standing{};
  if (!status) return status.error();
  const std::optional<TreeEntry> entry = entry_from(planned.path, *status);
  if (!entry || status->stx_mnt_id != top->stx_mnt_id) return Standing{{}, *status, true};
  Result<Sha256> content = content_at((*directory)->get(), leaf, *entry, planned);
  if (!content && content.error().code == Errc::io) return content.error();
  if (!content) return Standing{{}, *status, true};
  FileState state = state_of(*entry);
  state.content = *content;
  return Standing{state, *status};
}

Result<bool> still_stands(int root, const std::string& path, const Standing& standing) {
  Result<std::optional<UniqueFd>> directory = directory_above(root, path);
  if (!directory) return directory.error();
  if (!*directory) return !standing.state;
  Result<struct statx> now = statx_of((*directory)->get(), split_leaf(path).second.c_str(), path);
  if (!now && now.error().code == Errc::not_found) return !standing.state;
  if (!now) return now.error();
  return standing.state && is_untouched(standing.status, *now);
}

}  // namespace tinkerbell
