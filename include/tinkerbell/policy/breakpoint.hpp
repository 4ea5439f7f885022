#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/policy/policy.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Before which commands a task stops. A pattern is one or several conditions, all of which must
/// hold:
///
///     file.write  process.*  *       the command's name
///     program=git  program=git push  word 0 by program name, further words exactly, as far as
///     given path=src/**                    the path within the workspace, of a file command
///     host=api.example.com           who is talked to over the network
///
/// Names, paths and hosts are globs. A file or program that goes by several names matches by any.
struct Breakpoint {
  static constexpr std::size_t kPatternBytesMax = 1'024;

  std::string pattern;  ///< As given.
  Rule rule;
  std::string host;  ///< Empty: any or none.
};

/// Errors: invalid (what it says could never match), too_large.
[[nodiscard]] Result<Breakpoint> breakpoint_from(std::string_view pattern);

/// Pure.
[[nodiscard]] bool stops_before(const Breakpoint& breakpoint, const TaskCommand& command,
                                const Facts& facts);

}  // namespace tinkerbell
