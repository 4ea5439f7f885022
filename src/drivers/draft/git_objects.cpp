#include "drivers/draft/git_objects.hpp"

#include "tinkerbell/base/text.hpp"

#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>

namespace tinkerbell {

namespace {

constexpr std::uint32_t kEntriesMax = 200'000;
constexpr std::uint64_t kObjectBytesMax = kChangeBytesMax;  // as it is stored
constexpr std::size_t kInflatedBytesMax = std::size_t{256} << 20;
constexpr std::size_t kCommitsMax = 50;
constexpr std::size_t kShortHash = 7;
const std::string kObjects = ".git/objects";

std::string path_of_object(std::string_view hash) {
  return kObjects + "/" + std::string(hash.substr(0, 2)) + "/" + std::string(hash.substr(2));
}

bool is_hexadecimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The names in a directory; none if it is not there.
Result<std::vector<std::string>> names_in(const Workspace& workspace, const std::string& path) {
  const Result<WorkspacePath> place = workspace.resolve(path);
  if (!place) return place.error();
  const Result<AwaitFileList::Reply> list =
      workspace.list(*place, false, kEntriesMax, [](const std::string&) { return true; });
  if (!list && list.error().code == Errc::not_found) return std::vector<std::string>();
  if (!list) return list.error();
  if (!list->complete) return Error{Errc::too_large, "too many objects in " + path};
  std::vector<std::string> names;
  for (const FileEntry& entry : list->entries)
    names.push_back(entry.path.substr(entry.path.rfind('/') + 1));
  return names;
}

bool is_there(const Workspace& workspace, const std::string& path) {
  const Result<WorkspacePath> place = workspace.resolve(path);
  return place && workspace.hold(*place);
}

Result<void> check_packs(const Workspace& of, const Workspace& lacking) {
  if (is_there(of, kObjects + "/info/alternates")) {
    return Error{Errc::unsupported, "its repository borrows objects from elsewhere"};
  }
  const std::string directory = kObjects + "/pack";
  const Result<std::vector<std::string>> packs = names_in(of, directory);
  if (!packs) return packs.error();
  for (const std::string& pack : *packs) {
    if (pack.ends_with(".pack") && !is_there(lacking, directory + "/" + pack)) {
      return Error{Errc::unsupported, "git has packed its objects anew"};
    }
  }
  return {};
}

struct EndInflation {
  void operator()(z_stream* stream) const {
    ::inflateEnd(stream);
    delete stream;  // NOLINT(cppcoreguidelines-owning-memory)
  }
};

Error damaged(std::string_view hash) {
  return {Errc::invalid, "object " + std::string(hash) + " of the draft's repository is damaged"};
}

/// All of an object: its kind, its length, NUL, what it says. Source: git's Documentation,
/// "Git Internals - Git Objects".
Result<std::string> inflated(std::string_view stored, std::string_view hash) {
  const std::unique_ptr<z_stream, EndInflation> stream(new z_stream{});
  if (::inflateInit(stream.get()) != Z_OK) return Error{Errc::internal, "zlib cannot begin"};
  std::string input(stored);
  stream->next_in = reinterpret_cast<Bytef*>(input.data());
  stream->avail_in = static_cast<uInt>(input.size());
  std::string object;
  std::array<char, 64 << 10> piece{};
  for (int state = Z_OK; state != Z_STREAM_END;) {
    stream->next_out = reinterpret_cast<Bytef*>(piece.data());
    stream->avail_out = static_cast<uInt>(piece.size());
    state = ::inflate(stream.get(), Z_NO_FLUSH);
    if (state != Z_OK && state != Z_STREAM_END) return damaged(hash);
    object.append(piece.data(), piece.size() - stream->avail_out);
    if (object.size() > kInflatedBytesMax) {
      return Error{Errc::too_large, "object " + std::string(hash) + " is too large"};
    }
  }
  return object;
}

std::string hash_of_object(std::string_view object, std::size_t digits) {
  constexpr std::size_t kSha1Digits = 40;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  const EVP_MD* const kind = digits == kSha1Digits ? EVP_sha1() : EVP_sha256();
  if (EVP_Digest(object.data(), object.size(), bytes.data(), &size, kind, nullptr) != 1) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4U];
    text += kDigits[bytes[i] & 0xFU];
  }
  return text;
}

struct LooseObject {
  std::string stored;
  std::string content;
};

/// One that is what its name says. Errors: not_found, invalid, too_large, io.
Result<LooseObject> read_object(const Workspace& repository, std::string_view hash) {
  const Result<WorkspacePath> place = repository.resolve(path_of_object(hash));
  if (!place) return place.error();
  Result<std::string> stored = repository.read(*place, kObjectBytesMax);
  if (!stored) return stored.error();
  Result<std::string> content = inflated(*stored, hash);
  if (!content) return content.error();
  if (hash_of_object(*content, hash.size()) != hash) return damaged(hash);
  return LooseObject{*std::move(stored), *std::move(content)};
}

/// The first line of a header of that name; empty: it has none.
std::string header(std::string_view commit, std::string_view name) {
  const std::string begin = "\n" + std::string(name) + " ";
  const std::size_t at = commit.find(begin);
  if (at == std::string_view::npos || at > commit.find("\n\n")) return {};
  const std::string_view rest = commit.substr(at + begin.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

std::string subject(std::string_view commit) {
  const std::size_t blank = commit.find("\n\n");
  if (blank == std::string_view::npos) return {};
  const std::string_view message = commit.substr(blank + 2);
  return visible_line(valid_utf8(message.substr(0, message.find('\n'))));
}

}  // namespace

namespace {

/// With a line before it, so that its first header begins as the others do; nothing: it is no loose
/// commit.
std::optional<std::string> commit_at(const Workspace& repository, const std::string& hash) {
  const Result<LooseObject> object = read_object(repository, hash);
  if (!object || !object->content.starts_with("commit ")) return std::nullopt;
  return "\n" + object->content.substr(object->content.find('\0') + 1);
}

std::string line_of(const std::string& hash, const std::string& commit) {
  const std::string words = commit.empty() ? "" : " " + subject(commit);
  return hash.substr(0, kShortHash) + words;
}

}  // namespace

Result<std::vector<std::string>> new_objects(const Workspace& of, const Workspace& lacking) {
  if (Result<void> packs = check_packs(of, lacking); !packs) return packs.error();
  const Result<std::vector<std::string>> groups = names_in(of, kObjects);
  if (!groups) return groups.error();
  std::vector<std::string> objects;
  for (const std::string& group : *groups) {
    if (group.size() != 2 || !is_hexadecimal(group)) continue;
    const Result<std::vector<std::string>> names = names_in(of, kObjects + "/" + group);
    if (!names) return names.error();
    const Result<std::vector<std::string>> known = names_in(lacking, kObjects + "/" + group);
    if (!known) return known.error();
    const std::set<std::string> present(known->begin(), known->end());
    for (const std::string& name : *names) {
      if (is_hexadecimal(name) && !present.contains(name)) objects.push_back(group + name);
    }
  }
  return objects;
}

Result<void> copy_objects(const std::vector<std::string>& objects, const Workspace& from,
                          const Workspace& into, std::string_view key) {
  for (const std::string& hash : objects) {
    const Result<LooseObject> object = read_object(from, hash);
    if (!object) return object.error();
    const Result<WorkspacePath> place = into.resolve_to_change(path_of_object(hash));
    if (!place) return place.error();
    const Result<std::uint32_t> written =
        into.replace(*place, {.content = object->stored, .expect_sha256 = {}, .key = key});
    // Whoever was faster has written the same.
    if (!written && written.error().code != Errc::conflict) return written.error();
  }
  return {};
}

NewCommits new_commits(const Workspace& repository, std::string_view newest, std::string_view known,
                       const std::vector<std::string>& added) {
  NewCommits commits;
  std::size_t new_lines = 0;
  std::string hash(newest);
  while (!hash.empty() && hash != known && is_hexadecimal(hash) &&
         commits.lines.size() < kCommitsMax) {
    const std::optional<std::string> commit = commit_at(repository, hash);
    if (!commit) break;
    commits.lines.push_back(line_of(hash, *commit));
    if (std::ranges::find(added, hash) != added.end()) new_lines = commits.lines.size();
    hash = header(*commit, "parent");
  }
  const bool leads_there = hash == known || commits.lines.size() == kCommitsMax;
  if (known.empty() || hash != known) commits.lines.resize(new_lines);
  if (known.empty() || leads_there || !is_hexadecimal(known)) return commits;
  const std::string before(known);
  commits.left_behind = line_of(before, commit_at(repository, before).value_or(""));
  return commits;
}

}  // namespace tinkerbell
