#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

// Many tasks, a service that refuses what is too much, and another model in its place.

namespace tinkerbell {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr std::size_t kTasks = 200;
constexpr std::size_t kTurns = 3;  // of each

LlmReply reply_in(const LlmRequest& request) {
  if (request.turn() + 1 == kTurns) return calls("finish", {{"summary", request.goal()}});
  return calls("list_files", Json::object());
}

/// What became of the requests, in the order in which they came: 'a'nswered, 'r'efused, answered by
/// the 's'pare.
class Course {
 public:
  void add(char what) {
    const std::scoped_lock lock(mutex_);
    course_ += what;
  }

  [[nodiscard]] std::string all() const {
    const std::scoped_lock lock(mutex_);
    return course_;
  }

 private:
  mutable std::mutex mutex_;
  std::string course_;
};

/// Answers so many requests, refuses all of the next quarter of a second, and begins anew.
class Refusing {
 public:
  Refusing(std::size_t at_once, Course& course) : at_once_(at_once), course_(&course) {}

  LlmReply operator()(const LlmRequest& request) {
    const auto now = steady_clock::now();
    if (refuses_until_ && now >= *refuses_until_) {
      answered_ = 0;
      refuses_until_.reset();
    }
    if (answered_ < at_once_) {
      ++answered_;
      course_->add('a');
      return reply_in(request);
    }
    if (!refuses_until_) refuses_until_ = now + milliseconds{250};
    course_->add('r');
    LlmReply refusal = responds(429, "application/json", R"({"error":{"message":"slow down"}})");
    refusal.headers = "Retry-After-Ms: 250\r\n";
    return refusal;
  }

 private:
  std::size_t at_once_;
  Course* course_;
  std::size_t answered_ = 0;
  std::optional<steady_clock::time_point> refuses_until_;
};

std::string config_with_spare(const ScriptedLlm& best, const ScriptedLlm& spare) {
  return "schema = 1\n[providers.best]\ntype = \"openai-chat\"\nat_once = 16\nbase_url = \"" +
         best.base_url() + "\"\n[providers.spare]\ntype = \"openai-chat\"\nbase_url = \"" +
         spare.base_url() +
         "\"\n[models.default]\nprovider = \"best\"\nmodel = \"best-1\"\nfallback = [\"spare\"]\n"
         "[models.spare]\nprovider = \"spare\"\nmodel = \"spare-1\"\n"
         "[sandbox]\nkind = \"none\"\n";
}

TEST(TwoHundredTasks, F53_TheFallbackTakesOverAndGivesBackAndNobodyIsLeftBehind) {
  Course course;
  ScriptedLlm best(Refusing(100, course));
  ScriptedLlm spare([&course](const LlmRequest& request) {
    course.add('s');
    return reply_in(request);
  });
  RealDaemon daemon(config_with_spare(best, spare));
  daemon.start();
  for (std::size_t i = 1; i <= kTasks; ++i) {
    const Json task = {{"goal", "task-" + std::to_string(i)},
                       {"workspace", daemon.workspace()},
                       {"approve_all", true}};
    ASSERT_EQ(daemon.ask("/v1/tasks", task).status, 201);
  }
  for (std::uint64_t task = 1; task <= kTasks; ++task)
    EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed") << task;

  const std::string seen = course.all();
  const auto refused = static_cast<std::size_t>(std::ranges::count(seen, 'r'));
  EXPECT_EQ(seen.size() - refused, kTasks * kTurns) << "each question is answered once: " << seen;
  EXPECT_GT(refused, 0U);
  EXPECT_LE(refused, kTasks) << "not each task finds it out for itself in each turn";
  const std::size_t taken_over = seen.find('s');
  ASSERT_NE(taken_over, seen.npos) << seen;
  EXPECT_NE(seen.find('a', taken_over), seen.npos) << "given back: " << seen;
  EXPECT_THAT(daemon.cli({"cost", "--by", "model"}).out, HasSubstr("spare"));
}

}  // namespace
}  // namespace tinkerbell
