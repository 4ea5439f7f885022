#pragma once

#include "tinkerbell/base/result.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <string_view>

namespace tinkerbell {

/// Of a mode, what chmod(2) sets.
inline constexpr mode_t kModeBits = 07777;

/// statx(2) of an entry of a directory, a link itself; or of the directory's descriptor if `name`
/// is empty. Errors: those of path_error.
[[nodiscard]] Result<struct statx> statx_of(int directory, const char* name, std::string_view path);

[[nodiscard]] std::int64_t nanoseconds(const struct statx_timestamp& time);

[[nodiscard]] std::uint64_t device_of(const struct statx& status);

/// Whether nobody has touched a file between two looks.
[[nodiscard]] bool is_untouched(const struct statx& before, const struct statx& after);

/// As FileEntry::type has it: "file", "directory", "link" or "other".
[[nodiscard]] std::string_view type_name(mode_t mode);

/// Now, by the clock from which the kernel takes the times of files.
[[nodiscard]] std::int64_t file_clock_ns();

}  // namespace tinkerbell
