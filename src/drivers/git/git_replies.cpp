#include "drivers/git/git_replies.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::int64_t kSecondsMax = 253'402'300'799;  // the end of the year 9999

Error not_understood(std::string_view what) {
  return {Errc::protocol, "what git wrote is not understood: " + std::string(what)};
}

/// Takes the beginning of a text up to `end`, which goes too; nothing if there is no such end.
std::optional<std::string_view> take_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

template <class T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool all = error == std::errc() && end == text.data() + text.size();
  return all ? std::optional(value) : std::nullopt;
}

bool is_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

std::optional<GitChange> change_of(char letter) {
  switch (letter) {
    case '.':
      return GitChange::none;
    case 'A':
      return GitChange::added;
    case 'M':
      return GitChange::modified;
    case 'D':
      return GitChange::removed;
    case 'R':
      return GitChange::renamed;
    case 'C':
      return GitChange::copied;
    case 'T':
      return GitChange::retyped;
    case 'U':
      return GitChange::conflicting;
    default:
      return std::nullopt;
  }
}

// ---- status ----

/// "# branch.ab +1 -2": how far the branch is from its upstream.
bool read_distance(std::string_view words, AwaitGitStatus::Reply& reply) {
  const std::optional<std::string_view> ahead = take_until(words, ' ');
  if (!ahead || !ahead->starts_with('+') || !words.starts_with('-')) return false;
  const auto plus = number_in<std::uint64_t>(ahead->substr(1));
  const auto minus = number_in<std::uint64_t>(words.substr(1));
  if (!plus || !minus) return false;
  reply.ahead = *plus;
  reply.behind = *minus;
  return true;
}

bool read_head(std::string_view line, AwaitGitStatus::Reply& reply) {
  const std::optional<std::string_view> name = take_until(line, ' ');
  if (!name) return false;
  if (*name == "branch.oid" && line != "(initial)") reply.commit = line;
  if (*name == "branch.head" && line != "(detached)") reply.branch = valid_utf8(line);
  if (*name == "branch.upstream") reply.upstream = valid_utf8(line);
  return *name != "branch.ab" || read_distance(line, reply);
}

/// `fields`: how many words stand before the path.
bool read_tracked(std::string_view line, std::size_t fields, GitStatusEntry& entry) {
  if (line.size() < 2) return false;
  const std::optional<GitChange> staged = change_of(line[0]);
  const std::optional<GitChange> unstaged = change_of(line[1]);
  if (!staged || !unstaged) return false;
  entry.staged = *staged;
  entry.unstaged = *unstaged;
  for (std::size_t i = 0; i < fields; ++i)
    if (!take_until(line, ' ')) return false;
  entry.path = valid_utf8(line);
  return !line.empty();
}

/// One entry of what git writes, and what more of the text belongs to it.
bool read_entry(std::string_view line, std::string_view& rest, GitStatusEntry& entry) {
  if (line.size() < 3 || line[1] != ' ') return false;
  const char kind = line.front();
  line.remove_prefix(2);
  switch (kind) {
    case '1':
      return read_tracked(line, 7, entry);
    case '2': {
      const std::optional<std::string_view> from = take_until(rest, '\0');
      if (from) entry.from = valid_utf8(*from);
      return from && read_tracked(line, 8, entry);
    }
    case 'u': {
      const bool read = read_tracked(line, 9, entry);
      entry.staged = GitChange::conflicting;
      entry.unstaged = GitChange::conflicting;
      return read;
    }
    case '?':
      entry.path = valid_utf8(line);
      entry.tracked = false;
      return true;
    default:
      return false;
  }
}

// ---- diff ----

/// A name as git writes it in lines: as it is, or in quotes with escapes as C has them.
std::optional<std::string> unquoted(std::string_view name) {
  if (!name.starts_with('"')) return std::string(name);
  if (name.size() < 2 || !name.ends_with('"')) return std::nullopt;
  name = name.substr(1, name.size() - 2);
  constexpr std::string_view kLetters = "abtnvfr\"\\";
  constexpr std::string_view kMeanings = "\a\b\t\n\v\f\r\"\\";
  std::string bytes;
  while (!name.empty()) {
    if (name.front() != '\\') {
      bytes += name.front();
      name.remove_prefix(1);
      continue;
    }
    if (name.size() < 2) return std::nullopt;
    if (const std::size_t at = kLetters.find(name[1]); at != std::string_view::npos) {
      bytes += kMeanings[at];
      name.remove_prefix(2);
      continue;
    }
    if (name.size() < 4) return std::nullopt;
    unsigned int value = 0;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + 4, value, 8);
    if (error != std::errc() || end != name.data() + 4 || value > 0xFF) return std::nullopt;
    bytes += static_cast<char>(value);
    name.remove_prefix(4);
  }
  return bytes;
}

/// ":100644 100644 d00491f… 0cfbf08… R100<tab>old<tab>new".
bool read_raw(std::string_view line, GitFileDiff& file) {
  for (int i = 0; i < 4; ++i)
    if (!take_until(line, ' ')) return false;
  const std::optional<std::string_view> status = take_until(line, '\t');
  if (!status || status->empty()) return false;
  const std::optional<GitChange> change = change_of(status->front());
  if (!change || *change == GitChange::none) return false;
  file.change = *change;
  std::optional<std::string> from = std::string();
  if (*change == GitChange::renamed || *change == GitChange::copied) {
    const std::optional<std::string_view> name = take_until(line, '\t');
    from = name ? unquoted(*name) : std::nullopt;
  }
  const std::optional<std::string> path = unquoted(line);
  if (!from || !path) return false;
  file.from = *from;
  file.path = *path;
  return true;
}

/// The texts of the files, in their order: what git writes for each begins with a line of its own.
std::vector<std::string_view> texts_in(std::string_view patch) {
  constexpr std::string_view kBegin = "diff --git ";
  std::vector<std::string_view> texts;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < patch.size();) {
    if (patch.substr(at).starts_with(kBegin) && at != begin) {
      texts.push_back(patch.substr(begin, at - begin));
      begin = at;
    }
    const std::size_t end = patch.find('\n', at);
    at = end == std::string_view::npos ? patch.size() : end + 1;
  }
  if (begin < patch.size()) texts.push_back(patch.substr(begin));
  return texts;
}

/// Lines of hunks only: what stands before them begins with the same signs.
void count_lines(std::string_view text, GitFileDiff& file) {
  bool in_hunks = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end);
    if (line.starts_with("diff --git ")) in_hunks = false;
    if (line.starts_with("@@ ")) in_hunks = true;
    if (in_hunks && line.starts_with('+')) ++file.added;
    if (in_hunks && line.starts_with('-')) ++file.removed;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<AwaitGitStatus::Reply> status_in(std::string_view output, std::uint32_t entries_max) {
  AwaitGitStatus::Reply reply;
  while (!output.empty()) {
    std::optional<std::string_view> line = take_until(output, '\0');
    if (!line) return not_understood("status");
    if (line->starts_with("# ")) {
      if (!read_head(line->substr(2), reply)) return not_understood("status");
      continue;
    }
    GitStatusEntry entry;
    if (!read_entry(*line, output, entry)) return not_understood("status");
    if (reply.entries.size() == entries_max) {
      reply.complete = false;
      break;
    }
    reply.entries.push_back(std::move(entry));
  }
  return reply;
}

Result<AwaitGitDiff::Reply> diff_in(std::string_view output, std::uint64_t bytes_max,
                                    const std::function<bool(const std::string& path)>& may_read) {
  AwaitGitDiff::Reply reply;
  while (output.starts_with(':')) {
    const std::optional<std::string_view> line = take_until(output, '\n');
    if (!line || !read_raw(line->substr(1), reply.files.emplace_back())) {
      return not_understood("diff");
    }
  }
  if (output.starts_with('\n')) output.remove_prefix(1);
  const std::vector<std::string_view> texts = texts_in(output);
  auto next = texts.begin();
  std::uint64_t bytes = 0;
  for (GitFileDiff& file : reply.files) {
    std::string text;
    // What has become a link, or one no more, is removed and made anew.
    for (int i = 0; i < (file.change == GitChange::retyped ? 2 : 1); ++i) {
      if (next == texts.end()) return not_understood("diff");
      text += *next++;
    }
    count_lines(text, file);
    bytes += text.size();
    if (!may_read(file.path) || (!file.from.empty() && !may_read(file.from))) {
      file.left = "a rule keeps it from being read";
    } else if (bytes > bytes_max) {
      file.left = "its " + std::to_string(text.size()) + " bytes are too many: name it alone";
    } else {
      file.text = valid_utf8(text);
    }
    file.path = valid_utf8(file.path);
    file.from = valid_utf8(file.from);
  }
  if (next != texts.end()) return not_understood("diff");
  return reply;
}

Result<AwaitGitLog::Reply> log_in(std::string_view output, std::uint32_t commits_max) {
  AwaitGitLog::Reply reply;
  while (!output.empty()) {
    std::array<std::string_view, 6> fields;
    for (std::string_view& field : fields) {
      const std::optional<std::string_view> taken = take_until(output, '\0');
      if (!taken) return not_understood("log");
      field = *taken;
    }
    if (reply.commits.size() == commits_max) {
      reply.complete = false;
      break;
    }
    const std::optional<std::int64_t> time = number_in<std::int64_t>(fields[4]);
    GitCommit commit{.commit = std::string(fields[0]),
                     .author = valid_utf8(fields[2]),
                     .email = valid_utf8(fields[3]),
                     .unix_s = std::clamp(time.value_or(0), std::int64_t{0}, kSecondsMax),
                     .message = valid_utf8(fields[5])};
    for (std::string_view parents = fields[1]; !parents.empty();) {
      const std::size_t end = std::min(parents.find(' '), parents.size());
      commit.parents.emplace_back(parents.substr(0, end));
      parents.remove_prefix(std::min(end + 1, parents.size()));
    }
    reply.commits.push_back(std::move(commit));
  }
  return reply;
}

Result<std::vector<GitBranch>> branches_in(std::string_view output) {
  constexpr std::string_view kPrefix = "refs/heads/";
  std::vector<GitBranch> branches;
  while (!output.empty()) {
    std::optional<std::string_view> line = take_until(output, '\n');
    if (!line) return not_understood("branches");
    const std::optional<std::string_view> name = take_until(*line, '\0');
    const std::optional<std::string_view> commit = take_until(*line, '\0');
    const std::optional<std::string_view> head = take_until(*line, '\0');
    if (!head || !name->starts_with(kPrefix)) return not_understood("branches");
    branches.push_back({.name = valid_utf8(name->substr(kPrefix.size())),
                        .commit = std::string(*commit),
                        .upstream = valid_utf8(*line),
                        .current = *head == "*"});
  }
  return branches;
}

std::string commit_in(std::string_view text) {
  for (std::size_t at = text.find(' '); at != std::string_view::npos; at = text.find(' ', at + 1)) {
    const std::string_view word = text.substr(at + 1);
    const auto end = std::ranges::find_if_not(word, is_hexadecimal);
    const auto length = static_cast<std::size_t>(end - word.begin());
    if (length == 40 || length == 64) return std::string(word.substr(0, length));
  }
  return {};
}

Result<bool> push_in(std::string_view output) {
  while (const std::optional<std::string_view> line = take_until(output, '\n')) {
    if (line->size() < 2 || (*line)[1] != '\t') continue;
    switch (line->front()) {
      case '=':
        return false;
      case '!':
        return Error{Errc::conflict,
                     "it was refused: " + visible_line(line->substr(line->rfind('\t') + 1))};
      default:
        return true;
    }
  }
  return not_understood("push");
}

}  // namespace tinkerbell
