#pragma once

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace tinkerbell {

/// Which seeds a simulation runs.
///
/// TINKERBELL_SEEDS=N: so many, TINKERBELL_FIRST_SEED=N: from this one on (else from 1);
/// TINKERBELL_SEED=N: that one alone.
struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
};

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Under a sanitizer, where each takes ten times as long, usually a tenth of them.
inline Seeds seeds_to_run(std::uint64_t usually) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  usually /= 10;
#endif
  const std::uint64_t only = from_environment("TINKERBELL_SEED", 0);
  if (only != 0) return {only, only};
  const std::uint64_t first = from_environment("TINKERBELL_FIRST_SEED", 1);
  return {first, first + from_environment("TINKERBELL_SEEDS", usually) - 1};
}

/// The command that runs this seed again.
inline std::string how_to_repeat(std::uint64_t seed, const std::string& suite) {
  return "repeat with: TINKERBELL_SEED=" + std::to_string(seed) + " " + program_invocation_name +
         " --gtest_filter='" + suite + "'\n";
}

namespace detail {

inline std::string abort_note;

inline void write_abort_note(int /*signal*/) {
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, abort_note.data(), abort_note.size());
}

}  // namespace detail

/// A seed under which the program is aborted (a broken invariant) is named as well.
inline void name_if_aborted(std::string note) {
  detail::abort_note = std::move(note);
  std::signal(SIGABRT, &detail::write_abort_note);
}

}  // namespace tinkerbell
