#include "control/event_hub.hpp"
#include "io/http_answer.hpp"
#include "meter.hpp"
#include "model_process.hpp"
#include "model_server.hpp"
#include "support/child.hpp"
#include "support/memory_store.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/io/http_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

/// The way of a model's answer, from the socket to a follower's event: the real driver and HTTP
/// client over loopback, the masker, the hub of live events with one follower. The model is
/// model_server.cpp, a process of its own.

namespace tinkerbell {
namespace {

using bench::Arguments;
using bench::expect_equal;
using bench::report;
using std::chrono::steady_clock;

constexpr std::size_t kPromptBytes = 16 << 10;

double seconds_since(steady_clock::time_point then) {
  return std::chrono::duration<double>(steady_clock::now() - then).count();
}

/// Where the model sends so many events, so many a second.
std::string url_of(const Model& model, std::uint64_t events, std::uint64_t per_second) {
  return model.url('/' + std::to_string(events) + '/' + std::to_string(per_second));
}

/// What a follower's session does, less its socket.
boost::asio::awaitable<void> read_events(std::shared_ptr<EventQueue> events, std::uint64_t* bytes) {
  while (true) {
    const std::string text = co_await events->next();
    if (text.empty()) co_return;
    *bytes += text.size();
  }
}

/// What the daemon is between a model and a follower.
class World final : public ProgressSink {
 public:
  explicit World(const std::string& base_url)
      : driver_(io_.get_executor(), http_, pool_, clock_, *this, logger_,
                {.providers = {{.name = "local", .base_url = base_url, .at_once = 1'000}},
                 .models = {{.alias = "default", .provider = "local", .model = "m"}}}) {
    masker_.add("a-key-that-no-answer-has");
    auto events = std::make_shared<EventQueue>(io_.get_executor(), 64 << 20);
    boost::asio::co_spawn(io_, read_events(events, &live_bytes), boost::asio::detached);
    hub_.follow(events, {.task = kNoTask}, journal_, {});
  }

  /// Asks the n-th task's question.
  void ask(std::uint32_t task) {
    AwaitLLMResponse command{.model = "default", .tokens_max = 1'000};
    command.messages.add({.role = Role::user, .text = prompt_});
    Call call{.id = {TaskId{task}, Seq{1}},
              .command = std::move(command),
              .key = std::string(32, 'a'),
              .asked = clock_.wall()};
    driver_.prepare(call, Completion<Prepared>([&call](Result<Prepared> prepared) {
                      if (!prepared) fail(prepared.error().message);
                      call.facts = std::move(prepared->facts);
                    }));
    driver_.perform(std::move(call), Completion<Reply>([this](const Result<Reply>& reply) {
                      if (!reply) fail(reply.error().message);
                      ++answers;
                      text_bytes += std::get<AwaitLLMResponse::Reply>(*reply).text.size();
                    }));
  }

  template <class Condition>
  void run_until(Condition holds) {
    while (!holds())
      io_.run_one();
  }

  void progress(CommandId id, ProgressKind kind, std::string_view text) override {
    shown_bytes += text.size();
    hub_.progressed(id, kind, masker_.masked(std::string(text)));
  }

  std::uint64_t answers = 0;
  std::uint64_t text_bytes = 0;   ///< Of the replies.
  std::uint64_t shown_bytes = 0;  ///< Of the pieces before them.
  std::uint64_t live_bytes = 0;   ///< What the follower read.

 private:
  using WorkGuard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  boost::asio::io_context io_{1};
  WorkGuard work_{io_.get_executor()};
  SystemClock clock_;
  Masker masker_;
  Journal journal_{std::make_unique<MemoryStore>(), {.post = {}, .durable = {}, .failed = {}}};
  control::EventHub hub_;
  BlockingPool pool_{io_.get_executor(), 1};
  HttpClient http_{io_.get_executor(), pool_};
  std::string prompt_ = std::string(kPromptBytes, 'x');
  SilentLogger logger_;
  LlmDriver driver_;
};

constexpr std::size_t kTokenBytes = std::size(bench::kToken) - 1;

/// Whether all arrived: in the replies, in the pieces, and at the follower.
void expect_answers(const World& world, std::uint64_t answers, std::uint64_t events) {
  expect_equal(world.answers, answers, "answers");
  expect_equal(world.text_bytes, answers * events * kTokenBytes, "bytes of text");
  expect_equal(world.shown_bytes, world.text_bytes, "bytes shown");
  if (world.live_bytes < world.text_bytes) fail("the follower missed something");
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// From the beginning of a request to the first byte of its answer, by curl's own clock: one
/// process, one connection.
double curl_median(const std::string& url, std::uint64_t rounds) {
  const Finished curl =
      run_to_end({"curl", "-sN", "-o", "/dev/null", "-w", "%{time_starttransfer}\n", "-H",
                  "Content-Type: application/json", "--data-binary", std::string(kPromptBytes, 'x'),
                  url + "/chat/completions?[1-" + std::to_string(rounds) + "]"});
  if (curl.exit != 0) fail("curl: " + curl.err);
  std::istringstream times(curl.out);
  std::vector<double> seconds;
  for (double each = 0; times >> each;)
    seconds.push_back(each);
  expect_equal(seconds.size(), rounds, "answers to curl");
  return median(std::move(seconds));
}

/// ttft ROUNDS: from asking the driver to the first piece at the follower's hub (`p50`), one
/// question after the other over one connection; and the same with curl (`curl`).
void ttft(const Arguments& arguments) {
  const std::uint64_t rounds = arguments.number(1);
  const Model model;
  const std::string url = url_of(model, 1, 0);
  World world(url);
  std::vector<double> seconds;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const auto begin = steady_clock::now();
    world.ask(1);
    world.run_until([&] { return world.shown_bytes > i * kTokenBytes; });
    seconds.push_back(seconds_since(begin));
    world.run_until([&] { return world.answers > i; });
  }
  expect_answers(world, rounds, 1);
  report("p50", median(std::move(seconds)));
  report("curl", curl_median(url, rounds));
}

/// stream EVENTS: one answer of so many events, as fast as the driver takes them.
void stream(const Arguments& arguments) {
  const std::uint64_t events = arguments.number(1);
  const Model model;
  World world(url_of(model, events, 0));
  const bench::Meter meter;
  world.ask(1);
  world.run_until([&] { return world.answers == 1; });
  report("rate", static_cast<double>(events) / meter.seconds());
  expect_answers(world, 1, events);
}

/// dom EVENTS: nothing but the JSON of such events, each as a tree of nlohmann's and its text.
void dom(const Arguments& arguments) {
  const std::uint64_t events = arguments.number(1);
  const std::string data = bench::delta_data();
  std::string text;
  const bench::Meter meter;
  for (std::uint64_t i = 0; i < events; ++i)
    text += Json::parse(data)["choices"][0]["delta"]["content"].get_ref<const std::string&>();
  report("rate", static_cast<double>(events) / meter.seconds());
  expect_equal(text.size(), events * kTokenBytes, "bytes of text");
}

/// concurrent STREAMS PER_SECOND SECONDS: so many answers at once. `cpu`: processor time for the
/// events of a second; `bytes`: resident memory for each; `behind`: how many times as long as they
/// should the events took. Where that is more than 1, the model did not keep up, several come with
/// one reading, and `cpu` is too low.
void concurrent(const Arguments& arguments) {
  const std::uint64_t streams = arguments.number(1);
  const std::uint64_t per_second = arguments.number(2);
  const std::uint64_t seconds = arguments.number(3);
  const std::uint64_t events = per_second * (seconds + 2);
  bench::allow_many_files();
  const Model model;
  World world(url_of(model, events, per_second));
  const double before = bench::resident_bytes();
  for (std::uint64_t i = 0; i < streams; ++i)
    world.ask(static_cast<std::uint32_t>(i + 1));
  const std::uint64_t at_full_rate = streams * per_second * kTokenBytes;
  world.run_until([&] { return world.shown_bytes >= at_full_rate; });
  const bench::Meter meter;
  const auto begin = steady_clock::now();
  world.run_until([&] { return world.shown_bytes >= at_full_rate * (seconds + 1); });
  report("cpu", meter.seconds() / static_cast<double>(seconds));
  report("behind", seconds_since(begin) / static_cast<double>(seconds));
  report("bytes", (bench::resident_bytes() - before) / static_cast<double>(streams));
  expect_equal(world.answers, 0, "answers before their end");
  world.run_until([&] { return world.answers == streams; });
  expect_answers(world, streams, events);
}

constexpr std::array kBenchmarks = {
    std::pair{std::string_view("ttft"), &ttft},
    std::pair{std::string_view("stream"), &stream},
    std::pair{std::string_view("dom"), &dom},
    std::pair{std::string_view("concurrent"), &concurrent},
};

}  // namespace
}  // namespace tinkerbell

int main(int count, char** words) {
  return bench::run_named(bench::Arguments(count, words), tinkerbell::kBenchmarks);
}
