#include "cli/sinks.hpp"

#include "cli/print.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell::cli {

void LineSink::started(const protocol::StepView& step) {
  lines_[step.seq] = step_line(step, screen_.terminal());
}

void LineSink::deferred(const protocol::StepView& step) {
  lines_.erase(step.seq);
  screen_.line(step_line(step, screen_.terminal()));
}

void LineSink::finished(const protocol::StepView& step) {
  lines_.erase(step.seq);
  screen_.line(step_line(step, screen_.terminal()));
}

void LineSink::opened(const protocol::ApprovalView& approval) {
  if (asker_ != nullptr) return asker_->ask(approval);
  screen_.line("? " + question_line(approval, task_));
}

void LineSink::decided(const protocol::DecisionView& decision) {
  if (asker_ != nullptr) return asker_->withdraw(decision);
  screen_.line(decision_line(decision));
}

void LineSink::stopped(const protocol::TaskView& task) {
  screen_.line("‖ " + stop_line(task));
}

void LineSink::said(const protocol::TextPiece& piece) {
  const auto line = lines_.find(piece.seq);
  if (line != lines_.end()) {
    screen_.line(line->second);
    lines_.erase(line);
  }
  screen_.piece(std::to_string(number(piece.seq)) + piece.stream, piece.text);
}

void LineSink::connection_lost(const Error& error) {
  if (!lost_) screen_.line("… the daemon went away (" + visible_line(error.message) + "), waiting");
  lost_ = true;
}

void LineSink::connection_back() {
  if (lost_) screen_.line("… the daemon is back");
  lost_ = false;
}

void JsonSink::happened(const Json& event) {
  out_ << dump_json(event) << '\n';
  out_.flush();
}

void StopSink::opened(const protocol::ApprovalView& approval) {
  if (approval.task == task_) return WaitSink::opened(approval);
  talk_ << question_line(approval, task_) << std::endl;
}

}  // namespace tinkerbell::cli
