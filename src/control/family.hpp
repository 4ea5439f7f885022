#pragma once

#include "control/routes.hpp"

#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/syscall/payloads.hpp"
#include "tinkerbell/syscall/step_changes.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <set>
#include <vector>

namespace tinkerbell::control {

/// A task, those that came from it, and those that took over the draft of one of them or took back
/// what one of them had changed: all by whom the files that it worked on changed.
struct Family {
  struct Member {
    TaskHead head;
    TaskPayload task;
    std::vector<Record> records;  ///< Without the payloads of those that change no files.
  };

  std::vector<Member> members;  ///< By id: the task itself first.

  [[nodiscard]] const Member& self() const { return members.front(); }
};

/// Errors: not_found (there is no such task), those of Journal::read_records.
void read_family(Context& context, TaskId task, Completion<Family> done);

/// What all of them changed.
[[nodiscard]] TaskChanges changes_of(const Family& family);

/// Puts those of these contents into the store that only the journal has; what relies on that syncs
/// the store. Errors: those of ContentStore::put.
[[nodiscard]] Result<void> keep_contents(const std::vector<Record>& records,
                                         const std::set<Sha256>& wanted, ContentStore& contents);

}  // namespace tinkerbell::control
