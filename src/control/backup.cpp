#include "tinkerbell/protocol/backup.hpp"

#include "control/routes.hpp"

#include <filesystem>

namespace tinkerbell::control {

namespace {

/// Of the database and the files beside it that hold blobs.
std::uint64_t bytes_in(const std::filesystem::path& directory) {
  std::error_code none;
  std::uint64_t bytes = 0;
  const auto add = [&bytes](const std::filesystem::path& file) {
    std::error_code gone;
    const auto size = std::filesystem::file_size(file, gone);
    if (!gone) bytes += size;
  };
  add(directory / "journal.db");
  for (const auto& blob : std::filesystem::directory_iterator(directory / "blobs", none))
    add(blob.path());
  return bytes;
}

}  // namespace

void post_backup(Context& context, Request request) {
  const Result<protocol::BackupRequest> wanted = request.body<protocol::BackupRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  context.parts.journal.back_up(
      wanted->directory,
      Completion<void>([request, directory = wanted->directory](const Result<void>& done) {
        if (!done) return request.fail(done.error());
        request.answer(protocol::BackupView{.directory = directory, .bytes = bytes_in(directory)},
                       201);
      }));
}

}  // namespace tinkerbell::control
