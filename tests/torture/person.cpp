#include "torture/person.hpp"

#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/protocol/task.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace tinkerbell::torture {

namespace {

using std::chrono::steady_clock;

/// Without any news the lists are read again; a life in which nothing changes so long is stuck.
constexpr std::chrono::milliseconds kSilence{200};
constexpr std::chrono::seconds kStuck{60};

UniqueFd connected(const std::string& socket_path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket.get(), generic, sizeof(address)) == 0 ? std::move(socket) : UniqueFd();
}

/// Says that it is time to read the lists again: somebody asks, or a task has ended. The stream of
/// events tells; what it says in detail is in the lists, too.
class News {
 public:
  explicit News(UniqueFd socket) : socket_(std::move(socket)) {
    constexpr std::string_view kRequest = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    open_ = ::send(socket_.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(kRequest.size());
    if (open_) wait_for("\r\n\r\n");  // from here on nothing is missed
  }

  /// Until there is news, or there has been none for a while, or the daemon is gone (false).
  [[nodiscard]] bool wait() {
    while (open_) {
      const bool news = heard_.contains("approval.opened") || heard_.contains("task.ended");
      if (news || !receive()) break;
    }
    heard_.clear();
    return open_;
  }

 private:
  void wait_for(std::string_view text) {
    while (open_ && !heard_.contains(text))
      (void)receive();
  }

  /// False: silence, or the end.
  bool receive() {
    pollfd ready{socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(kSilence.count())) == 0) return false;
    std::array<char, 16 << 10> bytes{};
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    open_ = count > 0;
    if (open_) heard_.append(bytes.data(), static_cast<std::size_t>(count));
    return open_;
  }

  UniqueFd socket_;
  bool open_ = false;
  std::string heard_;
};

/// The body of an answer; empty if the daemon is gone.
std::optional<Json> body_of(const Result<UnixHttpClient::Answer>& answer) {
  if (!answer) return std::nullopt;
  const Result<Json> json = parse_json(answer->body);
  return json ? std::optional(*json) : std::nullopt;
}

std::optional<Json> get(UnixHttpClient& client, std::string_view target) {
  return body_of(client.request("GET", target));
}

bool has_ended(const std::map<std::string, Json>& there, const std::string& title) {
  const auto task = there.find(title);
  return task != there.end() && protocol::has_ended(task->second.at("state").get<std::string>());
}

/// Nothing goes on that could change a file.
bool is_quiet(const std::map<std::string, Json>& there) {
  return std::ranges::all_of(there, [&](const auto& task) { return has_ended(there, task.first); });
}

/// Whether a job has ended, and all that was to follow.
bool is_over(const Job& job, const std::map<std::string, Json>& there) {
  std::string title = job.goal;
  for (const Act& act : job.then) {
    if (!has_ended(there, title)) return false;
    title = title_of(act, there.at(title).at("id").get<std::uint64_t>(), title);
  }
  return has_ended(there, title);
}

/// The title of a task; empty: it came after the list was read.
std::string title_of(const std::map<std::string, Json>& there, std::uint64_t id) {
  for (const auto& [title, task] : there) {
    if (task.at("id") == id) return title;
  }
  return {};
}

}  // namespace

bool Person::work(const std::string& socket, const std::function<bool()>& gone) {
  UniqueFd connection;
  while (!(connection = connected(socket))) {
    if (gone()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  News news(std::move(connection));
  UnixHttpClient client(socket);
  const auto deadline = steady_clock::now() + kStuck;
  while (steady_clock::now() < deadline) {
    const Step step = look(client);
    if (step != Step::more) return step == Step::over;
    if (!news.wait()) return false;
  }
  const std::optional<Json> tasks = get(client, "/v1/tasks?live=1");
  findings_.add(Wrong::different, "nothing happens any more: " + (tasks ? dump_json(*tasks) : ""));
  return false;
}

/// Reads the lists, and does what is to do.
Person::Step Person::look(UnixHttpClient& client) {
  const std::optional<Json> list = get(client, "/v1/tasks?limit=1000");
  if (!list) return Step::gone;
  std::map<std::string, Json> there;
  for (const Json& task : list->at("tasks")) {
    const auto goal = task.at("title").get<std::string>();
    findings_.expect(there.emplace(goal, task).second, Wrong::doubled, "task " + goal);
  }
  if (is_quiet(there)) under_way_.clear();
  const bool done = begin_missing(client, there) && resume_quarantined(client, there) &&
                    answer_open(client, there);
  if (!done) return Step::gone;
  const bool over =
      std::ranges::all_of(scenario_.jobs, [&](const Job& job) { return is_over(job, there); });
  return over ? Step::over : Step::more;
}

/// Begins whatever nobody has begun yet.
bool Person::begin_missing(UnixHttpClient& client, const std::map<std::string, Json>& there) {
  for (const Job& job : scenario_.jobs) {
    if (!go_on(client, there, job)) return false;
    if (scenario_.one_by_one && !is_over(job, there)) break;
  }
  return true;
}

/// A job, and each act when what it is about has ended.
bool Person::go_on(UnixHttpClient& client, const std::map<std::string, Json>& there,
                   const Job& job) {
  Json wanted{{"workspace", workspace_},
              {"kind", job.kind},
              {"approve_all", job.approve_all},
              {"files", job.files}};
  if (job.kind == "agent@1") {
    wanted["goal"] = job.goal;
  } else {
    wanted["arguments"] = {{"goal", job.goal}};
  }
  std::string title = job.goal;
  if (!have_begun(client, there, title, {"task", "/v1/tasks", std::move(wanted)})) return false;
  for (const Act& act : job.then) {
    if (!has_ended(there, title)) break;
    const auto about = there.at(title).at("id").get<std::uint64_t>();
    title = title_of(act, about, title);
    const std::string target = "/v1/tasks/" + std::to_string(about) + "/" + act.verb;
    if (!have_begun(client, there, title, {act.verb, target, act.body})) return false;
  }
  return true;
}

/// Whoever has not heard that something was taken looks whether it is there before asking again.
bool Person::have_begun(UnixHttpClient& client, const std::map<std::string, Json>& there,
                        const std::string& title, const Order& order) {
  const auto acknowledged = begun_.find(title);
  if (const auto task = there.find(title); task != there.end()) {
    const auto id = task->second.at("id").get<std::uint64_t>();
    findings_.expect(acknowledged == begun_.end() || acknowledged->second == id, Wrong::lost,
                     "the id of task " + title);
    return true;
  }
  findings_.expect(acknowledged == begun_.end(), Wrong::lost, "task " + title);
  if (is_quiet(there)) {
    Tree tree = tree_of(workspace_);
    if (stages_.empty() || stages_.back() != tree) stages_.push_back(std::move(tree));
  }
  under_way_ = order.what;
  const std::optional<Json> task =
      body_of(client.request("POST", order.target, dump_json(order.body)));
  if (!task) return false;
  findings_.expect(task->contains("id"), Wrong::different, "not taken: " + dump_json(*task));
  begun_[title] = task->value("id", std::uint64_t{0});
  return true;
}

/// Killed three times in a row in one turn of a task, the daemon takes it for the reason.
bool Person::resume_quarantined(UnixHttpClient& client, const std::map<std::string, Json>& there) {
  for (const auto& [goal, task] : there) {
    if (task.at("state") != "quarantined") continue;
    const auto id = task.at("id").get<std::uint64_t>();
    if (!client.request("POST", "/v1/tasks/" + std::to_string(id) + "/resume")) return false;
  }
  return true;
}

bool Person::answer_open(UnixHttpClient& client, const std::map<std::string, Json>& there) {
  const std::optional<Json> open = get(client, "/v1/approvals");
  if (!open) return false;
  for (const Json& question : open->at("approvals")) {
    recognise(question);
    const auto id = question.at("id").get<std::uint64_t>();
    if (answered_.contains(id)) continue;
    const std::string asker = title_of(there, question.at("task").get<std::uint64_t>());
    if (asker.empty()) continue;
    const Result<UnixHttpClient::Answer> answer = client.request(
        "POST", "/v1/approvals/" + std::to_string(id), dump_json(person_answer(asker, question)));
    if (!answer) return false;
    findings_.expect(answer->status == 200, Wrong::different, "not answered: " + answer->body);
    answered_.insert(id);
  }
  return true;
}

void Person::recognise(const Json& question) {
  const auto id = question.at("id").get<std::uint64_t>();
  const auto line = question.at("line").get<std::string>();
  const std::string name = "a" + std::to_string(id) + " (" + line + ")";
  findings_.expect(!answered_.contains(id), Wrong::lost, "the answer to " + name);
  const auto [shown, first_time] = shown_.emplace(id, question);
  findings_.expect(shown->second == question, Wrong::different,
                   name + " is not what it was when it was shown first");
  if (!first_time) return;
  if (question.at("kind") == "outcome") {
    ++outcomes_asked_;
    findings_.add(Wrong::false_unsure, name);
    return;
  }
  const std::pair step{question.at("task").get<std::uint64_t>(),
                       question.at("seq").get<std::uint64_t>()};
  const bool asked_first = asked_.emplace(step, id).second;
  findings_.expect(asked_first, Wrong::doubled, "the question " + name);
}

}  // namespace tinkerbell::torture
