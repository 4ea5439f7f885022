#include "cli/asker.hpp"

#include "cli/print.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/text.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tinkerbell::cli {

namespace {

/// Only in the foreground: a background process that touches the terminal is stopped.
void discard_type_ahead(int input) {
  if (isatty(input) == 1 && tcgetpgrp(input) == getpgrp()) tcflush(input, TCIFLUSH);
}

/// The daemon may be back soon: the question stays.
bool worth_asking_again(Errc code) {
  return code == Errc::unavailable || code == Errc::io || code == Errc::protocol ||
         code == Errc::invalid;
}

}  // namespace

Asker::Asker(Screen& screen, int input, Decide decide)
    : screen_(screen),
      input_(input),
      wake_(eventfd(0, EFD_CLOEXEC)),
      decide_(std::move(decide)),
      thread_([this] { run(); }) {
  TINKERBELL_ASSERT(wake_.valid());
}

Asker::~Asker() {
  const std::uint64_t one = 1;
  const ssize_t written = write(wake_.get(), &one, sizeof one);
  TINKERBELL_ASSERT(written == sizeof one);
  thread_.join();
  if (!questions_.empty() && !mute_) screen_.end_prompt(false);
}

void Asker::ask(const protocol::ApprovalView& approval) {
  const std::scoped_lock lock(mutex_);
  if (mute_) {
    screen_.line("? " + question_line(approval, approval.task));
    return;
  }
  questions_.emplace_back(approval, screen_.terminal().rows, screen_.terminal().columns);
  if (questions_.size() == 1) show_first();
}

void Asker::withdraw(const protocol::DecisionView& decision) {
  const std::scoped_lock lock(mutex_);
  if (deciding_ == decision.id) return;
  const auto of_decision = [&](const Question& each) { return each.approval().id == decision.id; };
  const auto found = std::ranges::find_if(questions_, of_decision);
  if (found == questions_.end()) return;
  const bool was_shown = found == questions_.begin();
  if (was_shown) screen_.end_prompt(false);
  questions_.erase(found);
  screen_.line(decision_line(decision));
  if (was_shown) show_first();
}

void Asker::run() {
  while (true) {
    std::array<pollfd, 2> waits = {pollfd{wake_.get(), POLLIN, 0}, pollfd{input_, POLLIN, 0}};
    const int ready = poll(waits.data(), waits.size(), -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || waits[0].revents != 0) return;
    if (waits[1].revents != 0 && !read_input()) return stop_asking();
  }
}

bool Asker::read_input() {
  std::array<char, 4096> bytes{};
  const ssize_t count = read(input_, bytes.data(), bytes.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  typed_.append(bytes.data(), static_cast<std::size_t>(count));
  for (std::size_t end = typed_.find('\n'); end != std::string::npos; end = typed_.find('\n')) {
    const std::string line = typed_.substr(0, end);
    typed_.erase(0, end + 1);
    take_line(line);
  }
  return true;
}

void Asker::take_line(const std::string& line) {
  std::unique_lock lock(mutex_);
  if (questions_.empty()) return;
  screen_.end_prompt(true);
  Question& question = questions_.front();
  const Question::Meaning meaning = question.understand(line);
  if (const auto* request = std::get_if<protocol::DecisionRequest>(&meaning)) {
    const ApprovalId id = question.approval().id;
    deciding_ = id;
    lock.unlock();  // from here on another question may be withdrawn, and this one move
    return submit(id, *request);
  }
  if (const auto* repeat = std::get_if<Question::Repeat>(&meaning)) screen_.line(repeat->why);
  if (std::holds_alternative<Question::ShowAgain>(meaning)) question.rewind();
  if (!std::holds_alternative<Question::Repeat>(meaning)) return show();
  screen_.prompt(question.prompt());
}

/// Without the mutex while the daemon is asked, so that the following thread is never held up.
void Asker::submit(ApprovalId id, const protocol::DecisionRequest& request) {
  const Result<protocol::DecisionView> decision = decide_(id, request);
  const std::scoped_lock lock(mutex_);
  deciding_.reset();
  screen_.line(decision ? decision_line(*decision)
                        : approval_name(id) + ": " + visible_line(decision.error().message));
  if (!decision && worth_asking_again(decision.error().code)) {
    screen_.prompt(questions_.front().prompt());
    return;
  }
  questions_.pop_front();
  show_first();
}

void Asker::stop_asking() {
  const std::scoped_lock lock(mutex_);
  mute_ = true;
  if (questions_.empty()) return;
  screen_.end_prompt(false);
  for (const Question& question : questions_)
    screen_.line("not answered: " + how_to_answer(question.approval()));
  questions_.clear();
}

void Asker::show_first() {
  if (questions_.empty()) return;
  discard_type_ahead(input_);
  show();
}

void Asker::show() {
  Question& question = questions_.front();
  const std::string page = question.next_page();
  if (!page.empty()) screen_.line(page);
  screen_.prompt(question.prompt());
}

}  // namespace tinkerbell::cli
