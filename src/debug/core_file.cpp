#include "tinkerbell/debug/core_file.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/journal/record.hpp"

#include <zstd.h>

#include <charconv>
#include <set>

namespace tinkerbell {

namespace {

constexpr std::string_view kMagic = "tinkerbell core ";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHashBytes = sizeof(Sha256::bytes);

Error invalid(std::string_view what) {
  return {Errc::invalid, "core file: " + std::string(what)};
}

std::string bytes_of(const Sha256& hash) {
  return {hash.bytes.begin(), hash.bytes.end()};
}

/// Takes the first line away. Errors: invalid, unsupported.
Result<void> take_head(std::string_view& bytes) {
  if (!bytes.starts_with(kMagic)) return invalid("it is none");
  const std::string_view rest = bytes.substr(kMagic.size());
  std::uint32_t version = 0;
  const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), version);
  if (failed != std::errc() || end == rest.data() + rest.size() || *end != '\n') {
    return invalid("its first line is damaged");
  }
  if (version != kVersion) {
    return Error{Errc::unsupported, "core file: of version " + std::to_string(version) +
                                        ", and this program reads version " +
                                        std::to_string(kVersion)};
  }
  bytes.remove_prefix(static_cast<std::size_t>(end + 1 - bytes.data()));
  return {};
}

/// Errors: invalid, too_large.
Result<std::string> unpacked(std::string_view frame) {
  const std::uint64_t length = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (length == ZSTD_CONTENTSIZE_UNKNOWN || length == ZSTD_CONTENTSIZE_ERROR) {
    return invalid("what is in it is damaged");
  }
  if (length > kCoreBytesMax) {
    return Error{Errc::too_large,
                 "core file: it says that " + std::to_string(length) + " bytes are in it"};
  }
  std::string body(length, '\0');
  if (ZSTD_decompress(body.data(), body.size(), frame.data(), frame.size()) != length) {
    return invalid("what is in it is damaged");
  }
  return body;
}

/// Errors: invalid.
Result<void> check(const Core& core) {
  if (core.tasks.empty()) return invalid("there is no task in it");
  std::set<TaskId> tasks;
  for (const CoreTask& task : core.tasks) {
    if (!is_durable(task.task) || !tasks.insert(task.task).second) {
      return invalid("there is an impossible task in it");
    }
  }
  for (const CoreContent& content : core.contents) {
    if (!content.masked && sha256(content.content).hex() != content.sha256) {
      return invalid("there is a content in it that is not what it is said to be");
    }
  }
  return {};
}

}  // namespace

Result<std::string> core_file(const Core& core) {
  const std::string body = canonical_bytes(core);
  if (body.size() > kCoreBytesMax) {
    return Error{Errc::too_large, "the core would be of " + std::to_string(body.size()) +
                                      " bytes, more than " + std::to_string(kCoreBytesMax)};
  }
  std::string file = std::string(kMagic) + std::to_string(kVersion) + "\n";
  const std::size_t head = file.size();
  file.resize(head + ZSTD_compressBound(body.size()));
  const std::size_t length = ZSTD_compress(file.data() + head, file.size() - head, body.data(),
                                           body.size(), ZSTD_CLEVEL_DEFAULT);
  if (ZSTD_isError(length) != 0) {
    return Error{Errc::internal, std::string("core file: ") + ZSTD_getErrorName(length)};
  }
  file.resize(head + length);
  return file + bytes_of(sha256(file));
}

Result<Core> read_core_file(std::string_view bytes) {
  const std::string_view whole = bytes;
  if (Result<void> taken = take_head(bytes); !taken) return taken.error();
  if (bytes.size() < kHashBytes) return invalid("it is cut");
  const std::string_view signed_part = whole.substr(0, whole.size() - kHashBytes);
  if (bytes_of(sha256(signed_part)) != whole.substr(signed_part.size())) {
    return invalid("it is cut or damaged: its end is not the SHA-256 of what stands before");
  }
  const Result<std::string> body = unpacked(bytes.substr(0, bytes.size() - kHashBytes));
  if (!body) return body.error();
  Result<Core> core = from_canonical<Core>(*body);
  if (!core) return invalid("there is no sense in what is in it");
  if (Result<void> good = check(*core); !good) return good.error();
  return core;
}

Result<RecordedTask> recorded_task(const CoreTask& task) {
  RecordedTask recorded{.task = task.task,
                        .created = wall_from_unix_nanoseconds(task.created_unix_ns),
                        .records = {}};
  if (task.masked_from != 0) recorded.masked_from = Lsn{task.masked_from};
  for (std::string_view rest = task.records; !rest.empty();) {
    Result<PackedRecord> packed = take_decoded(rest);
    if (!packed) return packed.error().with("core file");
    Record& record = packed->record;
    const bool in_order = recorded.records.empty() || recorded.records.back().lsn < record.lsn;
    if (packed->blob || record.task != task.task || !in_order) {
      return invalid("record " + std::to_string(number(record.lsn)) + " does not belong there");
    }
    recorded.records.push_back(std::move(record));
  }
  return recorded;
}

}  // namespace tinkerbell
