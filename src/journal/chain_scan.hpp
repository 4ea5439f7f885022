#pragma once

#include "journal/blobs.hpp"
#include "journal/commit_reader.hpp"

#include "tinkerbell/journal/store.hpp"

#include <functional>
#include <memory>
#include <span>

namespace tinkerbell {

/// Reads the records of several tasks from their newest SNAPSHOT on, in one pass from the newest
/// row back: whatever number of tasks stands in a row, it is read and checked once, and rows
/// without any of them are passed over. The records stay packed until they are taken. `located`
/// says of a chain's error where it was. Errors: io.
[[nodiscard]] Result<std::unique_ptr<StoredChains>> scan_chains(
    CommitReader& commits, Blobs& blobs, std::span<const TaskHead> heads,
    const std::function<Error(const Error&)>& located);

}  // namespace tinkerbell
