#pragma once

#include "journal/blobs.hpp"
#include "journal/seal_chain.hpp"
#include "journal/sqlite.hpp"
#include "journal/task_table.hpp"

#include "tinkerbell/journal/store.hpp"

#include <memory>

namespace tinkerbell {

/// What of the store a verification looks at; all of it outlives the verification.
struct VerifiedParts {
  SqliteConnection& database;
  SealChain& chain;
  TaskTable& tasks;
  Blobs& blobs;
  Anchor newest;  ///< Up to here, as the store knows it.
  Anchor anchor;  ///< What is written down outside of it.
};

/// Looks at what Store::begin_verification says, piece by piece, oldest records first:
///
/// 1. Each link of the chain: is it what was written behind the one before it? Each record: its
///    crc, its place, the record of its task that it names as the one before; its payload.
/// 2. Whether the chain ends where the store knows that it ends, and goes through the given anchor.
/// 3. Each row of `tasks`: does it lead to the newest record of its task? And is there one for each
///    task that has records?
///
/// The first thing that is wrong ends it. Not looked at: what `tasks` says besides (title, state),
/// and the ledger; they have a crc, which is compared when they are read.
[[nodiscard]] Result<std::unique_ptr<StoreVerification>> verify(const VerifiedParts& parts,
                                                                const Verification& wanted);

}  // namespace tinkerbell
