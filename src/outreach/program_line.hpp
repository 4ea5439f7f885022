#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

/// A program that is run again and again, each time with another input.
struct LineSettings {
  std::vector<std::string> argv;  ///< Word 0 is the file.
  Milliseconds timeout{30'000};   ///< Then it is killed, with all that it began.
  std::size_t at_once = 4;
  std::size_t waiting_max = 100;             ///< For their turn.
  std::size_t output_bytes_max = 128 << 10;  ///< 0: nobody wants it, however much that is.
};

/// Runs one program, so many times at once; more wait in line. No shell, no descriptor and nothing
/// of the daemon's environment but what a program needs to reach its user's desktop. It ends with
/// the line. Loop thread; never blocks it.
class ProgramLine {
 public:
  ProgramLine(boost::asio::any_io_executor loop, LineSettings settings);
  ProgramLine(const ProgramLine&) = delete;
  ProgramLine& operator=(const ProgramLine&) = delete;
  ~ProgramLine();

  /// What one run is known by.
  using Key = std::uint64_t;

  /// `occasion` is in its environment as TINKERBELL_EVENT. Answers what it wrote to its standard
  /// output, once it has ended with 0. Errors: exhausted (too many wait), timed_out, too_large
  /// (its output), unavailable (it ended otherwise), abandoned (see end()), io, not_found.
  Key run(std::string occasion, std::string input, Completion<std::string> done);

  /// Nobody wants the answer any more: it is not begun, or killed.
  void end(Key key);

 private:
  class Run;

  struct Waiting {
    Key key;
    std::string occasion;
    std::string input;
    Completion<std::string> done;
  };

  void begin(Waiting next);
  void ended(Key key, Result<std::string> outcome);
  void begin_next();

  boost::asio::any_io_executor loop_;
  LineSettings settings_;
  Key last_ = 0;
  std::deque<Waiting> waiting_;
  std::map<Key, std::shared_ptr<Run>> running_;
};

}  // namespace tinkerbell
