#include "drivers/process/kept_output.hpp"

#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <algorithm>
#include <string>

namespace tinkerbell {

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
  const Result<Sha256> kept = outputs.contents.put_durably(text);
  if (kept) {
    reply.output_sha256 = kept->hex();
  } else {
    reply.note = "its whole output could not be kept: " + kept.error().message;
  }
}

}  // namespace tinkerbell
