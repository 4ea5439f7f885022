#pragma once

#include "cli/question.hpp"
#include "cli/screen.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace tinkerbell::cli {

/// Puts open questions to the person at the keyboard, one after the other, while another thread
/// follows the task. Somebody at another terminal may be faster: then the question is withdrawn.
///
/// It owns a thread that waits for lines of input. What was typed before a question was shown does
/// not answer it.
class Asker {
 public:
  using Decide =
      std::function<Result<protocol::DecisionView>(ApprovalId, const protocol::DecisionRequest&)>;

  /// `decide` is called on the asker's thread. `input` stays the caller's.
  Asker(Screen& screen, int input, Decide decide);
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker();

  void ask(const protocol::ApprovalView& approval);

  /// The question was decided; says so unless it was decided here.
  void withdraw(const protocol::DecisionView& decision);

 private:
  void run();

  /// False at the end of the input.
  [[nodiscard]] bool read_input();
  void take_line(const std::string& line);
  void submit(ApprovalId id, const protocol::DecisionRequest& request);
  void stop_asking();

  /// The next page of the first question, and its prompt. With the mutex held.
  void show();
  void show_first();

  Screen& screen_;
  int input_;
  UniqueFd wake_;  ///< eventfd: ends the thread.
  Decide decide_;

  std::mutex mutex_;
  std::deque<Question> questions_;
  std::optional<ApprovalId> deciding_;  ///< Its answer is on its way to the daemon.
  bool mute_ = false;                   ///< There is no keyboard any more.
  std::string typed_;                   ///< Of an unfinished line.
  std::thread thread_;
};

}  // namespace tinkerbell::cli
