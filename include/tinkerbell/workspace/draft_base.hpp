#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/drafts.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <string>

namespace tinkerbell {

/// What a draft was copied from: the third side of every comparison.
struct DraftBase {
  std::string workspace;
  Tree source;  ///< The workspace as it was.
  Tree copied;  ///< The draft as it was then.
  bool shared = false;

  void write_canonical(CanonicalWriter& writer) const;
  void read_canonical(CanonicalReader& reader);
};

/// Errors: not_found (there is no such draft), invalid (damaged), io.
[[nodiscard]] Result<DraftBase> read_base(const Drafts& drafts, TaskId draft);

/// From here on there is a draft: durable. Errors: io, storage_full.
[[nodiscard]] Result<void> write_base(const Drafts& drafts, TaskId draft, const DraftBase& base);

/// Before anything of it is made: for a task that is not in the journal yet. Errors: io,
/// storage_full.
[[nodiscard]] Result<void> note_unclaimed(const Drafts& drafts, TaskId draft);

/// From here on it is its task's. Errors: io.
[[nodiscard]] Result<void> claim_draft(const Drafts& drafts, TaskId draft);

/// There is no draft any more; what it was is removed. Errors: io.
[[nodiscard]] Result<void> remove_draft(const Drafts& drafts, TaskId draft);

}  // namespace tinkerbell
