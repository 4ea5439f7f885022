#pragma once

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

/// What all benchmark programs share: a measure is one line of output, its name and its value in
/// base units; a program whose counts are wrong says so and fails.
namespace bench {

inline double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Processor time of the process since it was made: neighbours do not count.
class Meter {
 public:
  [[nodiscard]] double seconds() const { return cpu_seconds() - began_; }

 private:
  double began_ = cpu_seconds();
};

inline double resident_bytes() {
  long total_pages = 0;
  long resident_pages = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const int fields = std::fscanf(file, "%ld %ld", &total_pages, &resident_pages);
  std::fclose(file);
  return fields == 2 ? static_cast<double>(resident_pages * ::sysconf(_SC_PAGESIZE)) : 0;
}

/// As many open files as the system lets us have.
inline void allow_many_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

inline void report(std::string_view measure, double value) {
  std::printf("%.*s %.9g\n", static_cast<int>(measure.size()), measure.data(), value);
}

inline void expect_equal(std::uint64_t found, std::uint64_t wanted, const char* what) {
  if (found == wanted) return;
  std::fprintf(stderr, "%s: %lu instead of %lu\n", what, found, wanted);
  std::exit(1);
}

inline void report_lateness(std::vector<std::int64_t>& nanoseconds) {
  std::ranges::sort(nanoseconds);
  report("p50", static_cast<double>(nanoseconds[nanoseconds.size() / 2]) * 1e-9);
  report("p99", static_cast<double>(nanoseconds[nanoseconds.size() * 99 / 100]) * 1e-9);
}

/// A step of a random sequence, the same for all programs. Source: Marsaglia, Xorshift RNGs.
inline std::uint64_t next_random(std::uint64_t& state) {
  state ^= state << 13U;
  state ^= state >> 7U;
  state ^= state << 17U;
  return state;
}

/// The words after the program's name: which benchmark, and its numbers.
class Arguments {
 public:
  Arguments(int count, char** words) : words_(words + 1, words + count) {}

  [[nodiscard]] std::string_view name() const {
    return words_.empty() ? std::string_view() : words_[0];
  }

  [[nodiscard]] std::uint64_t number(std::size_t position) const {
    return position < words_.size() ? std::strtoull(words_[position], nullptr, 10) : 0;
  }

  [[nodiscard]] std::string text(std::size_t position) const {
    return position < words_.size() ? words_[position] : "";
  }

 private:
  std::vector<const char*> words_;
};

/// Runs the benchmark that the arguments name; what main returns.
template <class Benchmarks>
int run_named(const Arguments& arguments, const Benchmarks& benchmarks) {
  for (const auto& [name, run] : benchmarks) {
    if (name != arguments.name()) continue;
    run(arguments);
    return 0;
  }
  std::fputs("which benchmark? One of:", stderr);
  for (const auto& [name, run] : benchmarks)
    std::fprintf(stderr, " %s", std::string(name).c_str());
  std::fputs("\n", stderr);
  return 64;
}

}  // namespace bench
