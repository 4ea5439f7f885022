#include "tinkerbell/command/file_change.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kParts = 4;
constexpr std::uint32_t kModeMax = 07777;

/// For people.
struct JsonForm {
  FileType type = FileType::file;
  std::uint32_t mode = 0;
  std::string sha256;
  std::uint64_t bytes = 0;

  static constexpr auto fields() {
    return described(field("type", &JsonForm::type), field("mode", &JsonForm::mode),
                     field("sha256", &JsonForm::sha256), field("bytes", &JsonForm::bytes));
  }
};

}  // namespace

Json FileState::to_json() const {
  return to_json_value(JsonForm{.type = type,
                                .mode = mode,
                                .sha256 = content.empty() ? std::string() : content.hex(),
                                .bytes = bytes});
}

Result<FileState> FileState::from_json(const Json& json) {
  const Result<JsonForm> form = from_json_value<JsonForm>(json);
  if (!form) return form.error();
  return FileState{.type = form->type,
                   .mode = form->mode,
                   .content = Sha256::from_hex(form->sha256),
                   .bytes = form->bytes};
}

void FileState::write_canonical(CanonicalWriter& writer) const {
  writer.begin_array(kParts);
  writer.unsigned_integer(std::to_underlying(type));
  writer.unsigned_integer(mode);
  writer.text({reinterpret_cast<const char*>(content.bytes.data()), content.bytes.size()});
  writer.unsigned_integer(bytes);
}

void FileState::read_canonical(CanonicalReader& reader) {
  if (reader.begin_array() != kParts) reader.fail();
  const std::uint64_t kind = reader.unsigned_integer();
  const std::uint64_t bits = reader.unsigned_integer();
  const std::string_view hash = reader.text();
  bytes = reader.unsigned_integer();
  if (kind >= kNames<FileType>.size() || bits > kModeMax || hash.size() != content.bytes.size()) {
    reader.fail();
    return;
  }
  type = static_cast<FileType>(kind);
  mode = static_cast<std::uint32_t>(bits);
  std::ranges::copy(hash, content.bytes.begin());
}

std::vector<FileChange> composed(const std::vector<FileChange>& first,
                                 const std::vector<FileChange>& second) {
  std::vector<FileChange> all;
  auto earlier = first.begin();
  for (const FileChange& later : second) {
    while (earlier != first.end() && earlier->path < later.path)
      all.push_back(*earlier++);
    const bool both = earlier != first.end() && earlier->path == later.path;
    const bool joined = both && earlier->after == later.before;
    const std::optional<FileState>& before = joined ? earlier->before : later.before;
    if (before != later.after) all.push_back({later.path, before, later.after});
    if (both) ++earlier;
  }
  all.insert(all.end(), earlier, first.end());
  return all;
}

}  // namespace tinkerbell
