#pragma once

#include "journal/journal_mark.hpp"
#include "journal/sqlite.hpp"

#include <filesystem>

namespace tinkerbell {

/// Opens journal.db for this process alone and makes its tables if it is empty. One transaction
/// makes them, so that they are there whole or not at all.
///
///     meta     store_id, epoch, last_approval; last_lsn, last_task: the highest that were removed;
///              seal_key: the id of the key of the seals; accepted_work: see AcceptedWork, if any
///              was; "rule/3": a standing rule (rule_table.hpp)
///     commits  one row per commit (more where it is long): its records, packed, and their seal
///     links    what stands in the chain of seals beside the commits (seal_chain.hpp)
///     tasks    the head of each task, with a crc32c of the row
///     blobs    payloads that are too long for their records (blobs.hpp)
///     leaving  tasks that were removed while records of them are still there
///     ledger   what was spent, by root, day and model, with a crc32c of the row; stays when tasks
///              are removed
///
/// A file of an older schema is brought to this one, version by version, each in one transaction;
/// a copy of it as it was is kept beside it (kept_version.hpp).
///
/// A file with anything else in it (a trigger, a view, another table) is not ours and is refused
/// untouched, and so is an empty one where `mark` says that there was a journal, unless that is
/// accepted. Closing leaves the log as it is, until somebody wants it otherwise. Errors: invalid
/// (newer schema: names both versions; not ours; damaged; lost), conflict (another program has it
/// open), exhausted, io.
[[nodiscard]] Result<SqliteConnection> open_journal_database(const std::filesystem::path& file,
                                                             JournalMark& mark,
                                                             Acceptance& acceptance);

}  // namespace tinkerbell
