#include "workspace/beneath.hpp"
#include "workspace/tree_walk.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/diff.hpp"
#include "tinkerbell/workspace/find_text.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <fcntl.h>

#include <algorithm>

namespace tinkerbell {

namespace {

constexpr std::uint32_t kEntriesMax = 100'000;
constexpr std::uint32_t kMatchesMax = 10'000;
constexpr std::size_t kLineBytesMax = 400;
constexpr std::uint64_t kSearchFileBytesMax = 1 << 20;
constexpr std::uint64_t kSearchBytesMax = 1 << 30;
constexpr std::uint64_t kSearchEntriesMax = 200'000;

/// Collects matches until a bound is met.
class Search {
 public:
  Search(int root, std::string_view text, std::uint32_t matches_max,
         const std::function<bool(const std::string&)>& may_show)
      : root_(root),
        text_(text),
        matches_max_(std::min(matches_max, kMatchesMax)),
        may_show_(may_show) {}

  /// False: a bound is met, stop.
  bool visit(const FileEntry& entry) {
    if (++entries_ > kSearchEntriesMax || bytes_ > kSearchBytesMax) return false;
    if (entry.type != "file" || entry.bytes > kSearchFileBytesMax) return true;
    return look_into(entry.path);
  }

  bool look_into(const std::string& path) {
    if (!may_show_(path)) {
      reply_.complete = false;
      return true;
    }
    Result<OpenFile> file = open_regular(root_, path);
    Result<std::string> content =
        file ? read_all(*file, kSearchFileBytesMax, path) : Result<std::string>(file.error());
    if (!content) {
      if (content.error().code != Errc::too_large) reply_.complete = false;
      return true;
    }
    bytes_ += content->size();
    return looks_binary(*content) || take_lines(path, *content);
  }

  [[nodiscard]] AwaitFileSearch::Reply reply(bool complete) && {
    reply_.complete = reply_.complete && complete;
    return std::move(reply_);
  }

 private:
  bool take_lines(const std::string& path, std::string_view content) {
    std::uint64_t line = 1;
    std::size_t counted = 0;  // line feeds before here are in `line`
    for (std::size_t at = find_text(content, text_); at != std::string_view::npos;
         at = find_text(content, text_, counted)) {
      if (reply_.matches.size() == matches_max_) return false;
      const std::string_view passed = content.substr(counted, at - counted);
      line += static_cast<std::uint64_t>(std::ranges::count(passed, '\n'));
      const std::size_t feed_before = content.substr(0, at).rfind('\n');
      const std::size_t begin = feed_before == std::string_view::npos ? 0 : feed_before + 1;
      const std::size_t end = std::min(content.find('\n', at), content.size());
      reply_.matches.push_back(
          {path, line, shortened(content.substr(begin, end - begin), kLineBytesMax)});
      if (end == content.size()) break;
      counted = end;
    }
    return true;
  }

  int root_;
  std::string_view text_;
  std::size_t matches_max_;
  const std::function<bool(const std::string&)>& may_show_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  AwaitFileSearch::Reply reply_;
};

Result<bool> is_file(int root, const std::string& path) {
  Result<UniqueFd> fd = open_beneath(root, path, O_PATH, Links::refuse);
  if (!fd) return fd.error();
  Result<struct stat> status = status_of(fd->get(), path);
  if (!status) return status.error();
  return S_ISREG(status->st_mode);
}

}  // namespace

Result<AwaitFileList::Reply> Workspace::list(
    const WorkspacePath& path, bool recursive, std::uint32_t entries_max,
    const std::function<bool(const std::string&)>& may_show) const {
  AwaitFileList::Reply reply;
  const std::size_t bound = std::min(entries_max, kEntriesMax);
  Result<bool> complete = walk_tree(
      root_.get(), path.text(), recursive ? Depth::all : Depth::one_level, [&](FileEntry entry) {
        if (!may_show(entry.path)) {
          reply.complete = false;
          return true;
        }
        if (reply.entries.size() == bound) return false;
        reply.entries.push_back(std::move(entry));
        return true;
      });
  if (!complete) return complete.error();
  reply.complete = reply.complete && *complete;
  return reply;
}

Result<AwaitFileSearch::Reply> Workspace::search(
    const WorkspacePath& path, std::string_view text, std::uint32_t matches_max,
    const std::function<bool(const std::string&)>& may_show) const {
  if (text.empty()) return Error{Errc::invalid, "the text to search for is empty"};
  if (text.contains('\n')) {
    return Error{Errc::invalid, "the text to search for must lie within one line"};
  }
  Search search(root_.get(), text, matches_max, may_show);
  const Result<bool> file = is_file(root_.get(), path.text());
  if (!file) return file.error();
  if (*file) {
    const bool complete = search.look_into(path.text());
    return std::move(search).reply(complete);
  }
  const Result<bool> complete =
      walk_tree(root_.get(), path.text(), Depth::all,
                [&](const FileEntry& entry) { return search.visit(entry); });
  if (!complete) return complete.error();
  return std::move(search).reply(*complete);
}

}  // namespace tinkerbell
