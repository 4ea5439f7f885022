#include "cli/calls.hpp"
#include "cli/follow.hpp"
#include "cli/interrupt.hpp"
#include "cli/print.hpp"
#include "cli/verbs.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tinkerbell::cli {

namespace {

std::string ending_words(const protocol::TaskView& task) {
  const bool says_more = task.error && task.error->code != task.state;
  const std::string why = says_more ? ": " + task.error->code : "";
  return "+++ " + visible_line(task.state + why) + " +++";
}

// ---- what has happened ----

/// A task with the calls that it has made so far.
struct PastTask {
  protocol::TaskView task;
  std::vector<protocol::StepView> steps;
};

Result<PastTask> past_of(Client& client, TaskId id, const StepDetail& detail) {
  Result<Document<protocol::StepList>> steps = client.steps(id, detail);
  if (!steps) return steps.error();
  Result<Document<protocol::TaskView>> task = client.task(id);
  if (!task) return task.error();
  return PastTask{std::move(task->view), std::move(steps->view.steps)};
}

/// A task and all that it spawned, and they.
Result<std::vector<PastTask>> past_of_tree(Client& client, TaskId root, const StepDetail& detail) {
  std::vector<PastTask> tree;
  std::deque<TaskId> left{root};
  while (!left.empty()) {
    Result<PastTask> past = past_of(client, left.front(), detail);
    if (!past) return past.error();
    left.pop_front();
    left.insert(left.end(), past->task.children.begin(), past->task.children.end());
    tree.push_back(*std::move(past));
  }
  return tree;
}

/// Tells what several tasks did in the order in which it happened, as far as the clock shows it.
void tell(const std::vector<PastTask>& tasks, CallFilter& calls) {
  struct Moment {
    std::string_view time;
    std::size_t order;  ///< Of those of one time.
    std::function<void()> tell;
  };

  std::vector<Moment> moments;
  const auto add = [&](std::string_view time, std::function<void()> tell_it) {
    moments.push_back({time, moments.size(), std::move(tell_it)});
  };
  for (const PastTask& past : tasks) {
    const TaskId id = past.task.id;
    for (const protocol::StepView& step : past.steps) {
      add(step.asked, [&calls, &step, id] { calls.begun(id, step); });
      if (is_over(step)) add(step.ended, [&calls, &step, id] { calls.finished(id, step); });
    }
    if (!protocol::has_ended(past.task.state)) continue;
    add(past.task.changed,
        [&calls, &task = past.task] { calls.noted(task.id, ending_words(task)); });
  }
  std::ranges::sort(moments, {},
                    [](const Moment& moment) { return std::pair(moment.time, moment.order); });
  for (const Moment& moment : moments)
    moment.tell();
}

// ---- what happens ----

/// Follows tasks, each on a thread and a connection of its own, and those that they spawn.
class CallFollower {
 public:
  CallFollower(const Session& session, CallFilter& calls, const StepDetail& detail)
      : session_(session), calls_(calls), detail_(detail) {}

  CallFollower(const CallFollower&) = delete;
  CallFollower& operator=(const CallFollower&) = delete;

  ~CallFollower() { wait(); }

  /// Nothing more is to be heard of this one.
  void leave_out(TaskId task) {
    const std::scoped_lock lock(mutex_);
    known_.insert(task);
  }

  /// Takes up a task unless it is known.
  void follow(TaskId task) {
    const std::scoped_lock lock(mutex_);
    if (!known_.insert(task).second) return;
    threads_.emplace_back([this, task] { run(task); });
  }

  /// Until all of them have ended or cannot be followed any more.
  void wait() {
    while (true) {
      std::thread next;
      {
        const std::scoped_lock lock(mutex_);
        if (threads_.empty()) return;
        next = std::move(threads_.front());
        threads_.pop_front();
      }
      next.join();
    }
  }

 private:
  /// What one task does, for all to see.
  class Sink final : public FollowSink {
   public:
    Sink(CallFollower& owner, TaskId task) : owner_(owner), task_(task) {}

    void asked(const protocol::StepView& step) override { owner_.calls_.begun(task_, step); }

    void finished(const protocol::StepView& step) override {
      owner_.calls_.finished(task_, step);
      if (step.command == "task.spawn") owner_.follow_children(task_);
    }

    void opened(const protocol::ApprovalView& approval) override {
      note("waits for approval " + approval_name(approval.id) + ": " + how_to_answer(approval));
    }

    void decided(const protocol::DecisionView& decision) override { note(decision_line(decision)); }

    void stopped(const protocol::TaskView& task) override { note(stop_line(task)); }

    void connection_lost(const Error& error) override {
      if (!std::exchange(lost_, true))
        note("the daemon went away (" + visible_line(error.message) + ")");
    }

    void connection_back() override {
      if (std::exchange(lost_, false)) note("the daemon is back");
    }

   private:
    void note(const std::string& words) { owner_.calls_.noted(task_, "--- " + words + " ---"); }

    CallFollower& owner_;
    TaskId task_;
    bool lost_ = false;
  };

  void run(TaskId task) {
    Client client(session_.client.socket_path());
    Sink sink(*this, task);
    Follower follower(client, task, sink, session_.patience, Follower::From::lists, detail_);
    const Result<std::optional<protocol::TaskView>> end = follower.run();
    calls_.noted(task,
                 end ? ending_words(**end) : "--- " + visible_line(end.error().message) + " ---");
  }

  void follow_children(TaskId parent) {
    Client client(session_.client.socket_path());
    const Result<Document<protocol::TaskView>> task = client.task(parent);
    if (!task)
      return calls_.noted(parent,
                          "--- its children: " + visible_line(task.error().message) + " ---");
    for (const TaskId child : task->view.children)
      follow(child);
  }

  const Session& session_;
  CallFilter& calls_;
  StepDetail detail_;
  std::mutex mutex_;
  std::set<TaskId> known_;
  std::list<std::thread> threads_;
};

Result<ExitCode> follow_calls(Session& session, const TraceCalls& trace, CallFilter& calls,
                              const StepDetail& detail, const std::function<void()>& finish) {
  const InterruptWork work([&] {
    calls.end(finish);
    session.err << note_on_interrupt(trace.task) << std::flush;
  });
  const Result<std::vector<PastTask>> tree = past_of_tree(session.client, trace.task, detail);
  if (!tree) return tree.error();
  tell(*tree, calls);
  CallFollower follower(session, calls, detail);
  for (const PastTask& past : *tree) {
    if (protocol::has_ended(past.task.state)) follower.leave_out(past.task.id);
  }
  for (const PastTask& past : *tree)
    follower.follow(past.task.id);
  follower.wait();
  const Result<Document<protocol::TaskView>> root = session.client.task(trace.task);
  if (!root) return root.error();
  return exit_code_of(root->view);
}

/// `finish` is what is left to do at the end, or when a person has seen enough.
Result<ExitCode> trace_calls(Session& session, const TraceCalls& trace, CallSink& sink,
                             const std::function<void()>& finish) {
  CallFilter calls(sink, trace.only);
  const StepDetail detail{.calls = trace.text_max};
  Result<ExitCode> done = ExitCode::ok;
  if (trace.follow) {
    done = follow_calls(session, trace, calls, detail, finish);
  } else if (Result<PastTask> past = past_of(session.client, trace.task, detail)) {
    tell({*std::move(past)}, calls);
  } else {
    return past.error();
  }
  if (!trace.only.empty() && !calls.saw_any() && !session.invocation.quiet) {
    session.err << "task " << task_name(trace.task) << " made no such call\n";
  }
  if (done) finish();
  return done;
}

}  // namespace

Result<ExitCode> perform(Session& session, const TraceCalls& trace) {
  if (trace.summary) {
    CallSummary summary;
    return trace_calls(session, trace, summary, [&] {
      session.out << (session.invocation.json ? pretty_json(summary.json(trace.task)) + "\n"
                                              : summary.text())
                  << std::flush;
    });
  }
  if (session.invocation.json) {
    CallJson json(session.out);
    return trace_calls(session, trace, json, [] {});
  }
  CallLines lines(session.out);
  return trace_calls(session, trace, lines, [&] { lines.leave_open_line(); });
}

}  // namespace tinkerbell::cli
