#include "tinkerbell/protocol/backup.hpp"

#include "control/routes.hpp"

#include <filesystem>

namespace tinkerbell::control {

void post_backup(Context& context, Request request) {
  const Result<protocol::BackupRequest> wanted = request.body<protocol::BackupRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  context.parts.journal.back_up(
      wanted->directory,
      Completion<void>([request, directory = wanted->directory](const Result<void>& done) {
        if (!done) return request.fail(done.error());
        std::error_code unknown;
        const auto bytes = std::filesystem::file_size(directory + "/journal.db", unknown);
        request.answer(protocol::BackupView{.directory = directory, .bytes = unknown ? 0 : bytes},
                       201);
      }));
}

}  // namespace tinkerbell::control
