#pragma once

#include "control/routes.hpp"

#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <set>

namespace tinkerbell::control {

struct CollectContents {
  std::set<TaskId> gone;  ///< What these need does not count.
  bool dry_run = false;   ///< Only tell what would go.
};

/// Removes the contents of files that no task of the journal, no draft and no driver has a use for
/// any more, and what is left of drafts whose tasks are gone. Tasks go on meanwhile: what was put
/// or made within the last hour stays. Errors: those of the journal, of the pool and of
/// ContentStore; invalid (a record cannot be read): then nothing is removed.
void collect_contents(Context& context, CollectContents wanted,
                      Completion<ContentStore::Usage> done);

}  // namespace tinkerbell::control
