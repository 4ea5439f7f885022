#pragma once

#include "journal/blobs.hpp"
#include "journal/commit_reader.hpp"
#include "journal/seal_chain.hpp"
#include "journal/sqlite.hpp"
#include "journal/task_table.hpp"

#include "tinkerbell/journal/store.hpp"

#include <functional>
#include <memory>

namespace tinkerbell {

/// What of the store a collection works on; all of it outlives the collection.
struct CollectedParts {
  SqliteConnection& database;
  CommitReader& commits;
  SealChain& chain;
  TaskTable& tasks;
  Blobs& blobs;
  /// The disk failed: the store takes nothing more.
  std::function<void(const Error&)> failed;
};

/// Removes what Store::begin_collection says, piece by piece:
///
/// 1. Looks at all tasks, to know the families that may go.
/// 2. Moves their heads to the table `leaving`: from then on they are gone for everybody. That
///    table is what a broken-off collection leaves for the next one.
/// 3. Goes through the commits and takes their records out, a row at a time; rows that become empty
///    go. What that leaves of the chain of seals is seal_chain.hpp's; a commit that does not hold
///    in it stays as it is. A blob that nobody uses any more goes with the last record that did.
/// 4. Empties `leaving`, and removes the files in blobs/ that no row names: those of commits that
///    were lost, and those that a sudden end left.
///
/// Each piece is a transaction. A file goes after the one that took away its row. The ledger stays:
/// what was spent stays known.
[[nodiscard]] Result<std::unique_ptr<StoreCollection>> collect_from(const CollectedParts& parts,
                                                                    const Retention& retention);

}  // namespace tinkerbell
