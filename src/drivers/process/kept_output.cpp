#include "drivers/process/kept_output.hpp"

#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace tinkerbell {

namespace {

/// `text` is longer.
std::string without_middle(std::string_view text, std::size_t bytes_max) {
  const auto [head, tail] = ends_of(text, bytes_max);
  return std::string(head) + "\n[… bytes " + std::to_string(head.size()) + " to " +
         std::to_string(text.size() - tail.size()) + " of " + std::to_string(text.size()) +
         " left out …]\n" + std::string(tail);
}

Result<Sha256> put_durably(std::string_view text, ContentStore& contents) {
  Result<Sha256> put = contents.put(text);
  if (!put) return put;
  if (Result<void> synced = contents.sync(); !synced) return synced.error();
  return put;
}

}  // namespace

std::uint64_t output_bytes_wanted(const AwaitProcess& command) {
  return std::max(command.output_bytes_max, command.output_kept_max.value_or(0));
}

void keep_output(const AwaitProcess& command, const OutputKeeping& outputs,
                 AwaitProcess::Reply& reply) {
  if (!command.output_kept_max || reply.output.size() <= command.output_bytes_max) return;
  std::string text = valid_utf8(outputs.masker.masked(std::move(reply.output)));
  if (text.size() <= command.output_bytes_max) {
    reply.output = std::move(text);
    return;
  }
  reply.output = without_middle(text, command.output_bytes_max);
  const Result<Sha256> kept = put_durably(text, outputs.contents);
  if (kept) {
    reply.output_sha256 = kept->hex();
  } else {
    reply.note = "its whole output could not be kept: " + kept.error().message;
  }
}

}  // namespace tinkerbell
