#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"

#include <span>
#include <string>
#include <vector>

namespace tinkerbell {

/// What a task has taken in, as far as a verdict depends on it. It only grows. No text is looked
/// at: words cannot tell an order from data.
struct Taint {
  bool model = false;    ///< A model has answered it: what it asks for is that model's wish.
  bool outside = false;  ///< It knows the outcome of a command that tells what others may have
                         ///< written: a file, a program's output, a page, a message.
  bool secrets = false;  ///< It may know what stands in a file of secrets.

  static constexpr auto fields() {
    return described(field("model", &Taint::model), field("outside", &Taint::outside),
                     field("secrets", &Taint::secrets));
  }

  bool operator==(const Taint&) const = default;
};

/// Whether the wishes of the task may be those of somebody whose text its model has read. One that
/// never asked a model does what its program says, whatever it reads.
[[nodiscard]] inline bool may_be_misled(const Taint& taint) {
  return taint.model && taint.outside;
}

/// Adds what the outcome of a command brings. `secret_files` as Rules::secret_files. Pure.
void take_in(Taint& taint, const TaskCommand& command, const Result<Reply>& outcome,
             std::span<const std::string> secret_files);

/// Whether something of what it does can be seen or felt beyond the workspace or the draft: over
/// the network, in another repository, or by a program without a sandbox. Model calls are not
/// meant: a task lives by them.
[[nodiscard]] bool reaches_out(const TaskCommand& command, const Facts& facts);

/// Globs on files that mostly hold keys or passwords.
[[nodiscard]] std::vector<std::string> usual_secret_files();

}  // namespace tinkerbell
