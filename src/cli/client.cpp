#include "cli/client.hpp"

#include "tinkerbell/protocol/error.hpp"
#include "tinkerbell/protocol/routes.hpp"

namespace tinkerbell::cli {

namespace {

/// Lists of a thousand steps with their replies, and questions about large files, are larger than
/// what a request may be.
constexpr JsonLimits kAnswerLimits{
    .depth_max = 64, .nodes_max = 2'000'000, .bytes_max = 256U << 20};

std::string task_target(TaskId id, std::string_view rest = {}) {
  return std::string(protocol::kTasksPath) + "/" + std::to_string(number(id)) + std::string(rest);
}

std::string approval_target(ApprovalId id) {
  return std::string(protocol::kApprovalsPath) + "/" + std::to_string(number(id));
}

/// Whatever is not plain, percent-encoded (RFC 3986, section 2.3).
std::string query_value(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char each : text) {
    if (kPlain.contains(each)) {
      encoded += each;
    } else {
      const auto byte = static_cast<unsigned char>(each);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

std::string only_in(std::string_view state) {
  return state.empty() ? std::string() : "&state=" + query_value(state);
}

std::string calls_wanted(const StepDetail& detail) {
  return detail.calls ? "&calls=" + std::to_string(*detail.calls) : std::string();
}

/// The same document in another version cannot be read by guessing.
Result<void> same_schema(const Json& json, std::string_view schema) {
  const auto found = json.is_object() ? json.find("schema") : json.end();
  const bool named = json.is_object() && found != json.end() && found->is_string();
  const std::string theirs = named ? found->get<std::string>() : "something else";
  if (theirs == schema) return {};
  return Error{Errc::unsupported, "tinkerbelld speaks " + theirs +
                                      " where this tinkerbell expects " + std::string(schema) +
                                      ": the two are of different versions, upgrade the older one"};
}

template <class View>
Result<Document<View>> document_from(std::string_view body) {
  Result<Json> json = parse_json(body, kAnswerLimits);
  if (!json)
    return Error{Errc::protocol, "the daemon's answer is no JSON: " + json.error().message};
  if (Result<void> same = same_schema(*json, View::kSchema); !same) return same.error();
  Result<View> view = from_json_value<View>(*json);
  if (!view) return Error{Errc::protocol, "the daemon's answer: " + view.error().message};
  return Document<View>{*std::move(view), *std::move(json)};
}

}  // namespace

Client::Client(std::string socket_path)
    : socket_path_(std::move(socket_path)), http_(socket_path_) {}

Result<Document<protocol::StatusView>> Client::status() {
  return call<protocol::StatusView>("GET", std::string(protocol::kStatusPath));
}

Result<Document<protocol::TaskView>> Client::submit(const protocol::SubmitRequest& request) {
  if (Result<void> good = check(request); !good) return good.error();
  return call<protocol::TaskView>("POST", std::string(protocol::kTasksPath),
                                  dump_json(to_json_value(request)));
}

Result<Document<protocol::TaskList>> Client::tasks(std::uint64_t limit, std::string_view state) {
  return call<protocol::TaskList>("GET", std::string(protocol::kTasksPath) +
                                             "?limit=" + std::to_string(limit) + only_in(state));
}

Result<Document<protocol::TaskList>> Client::every_task(std::string_view state) {
  return every_page(only_in(state));
}

Result<Document<protocol::TaskList>> Client::every_live_task() {
  return every_page("&live=1");
}

Result<Document<protocol::TaskList>> Client::every_page(const std::string& filter) {
  const std::string target = std::string(protocol::kTasksPath) +
                             "?limit=" + std::to_string(protocol::TaskList::kLimitMax) + filter;
  Result<Document<protocol::TaskList>> all = call<protocol::TaskList>("GET", target);
  bool more = all && all->view.tasks.size() == protocol::TaskList::kLimitMax;
  while (more) {
    const std::string before = "&before=" + std::to_string(number(all->view.tasks.back().id));
    Result<Document<protocol::TaskList>> page = call<protocol::TaskList>("GET", target + before);
    if (!page) return page.error();
    more = page->view.tasks.size() == protocol::TaskList::kLimitMax;
    for (protocol::TaskView& task : page->view.tasks)
      all->view.tasks.push_back(std::move(task));
    for (Json& task : page->json["tasks"])
      all->json["tasks"].push_back(std::move(task));
  }
  return all;
}

Result<Document<protocol::TaskView>> Client::task(TaskId id) {
  return call<protocol::TaskView>("GET", task_target(id));
}

Result<Document<protocol::StepList>> Client::steps(TaskId id, const StepDetail& detail) {
  const std::string target =
      task_target(id, detail.full ? "/steps?full=1" : "/steps?full=0") + calls_wanted(detail);
  Result<Document<protocol::StepList>> all = call<protocol::StepList>("GET", target);
  while (all && all->view.more && !all->view.steps.empty()) {
    const std::string after = "&after=" + std::to_string(number(all->view.steps.back().seq));
    Result<Document<protocol::StepList>> page = call<protocol::StepList>("GET", target + after);
    if (!page) return page.error();
    all->view.more = page->view.more;
    all->json["more"] = page->view.more;
    for (protocol::StepView& step : page->view.steps)
      all->view.steps.push_back(std::move(step));
    for (Json& step : page->json["steps"])
      all->json["steps"].push_back(std::move(step));
    if (page->view.steps.empty()) break;
  }
  return all;
}

Result<Document<protocol::DiffView>> Client::diff(TaskId id, std::uint64_t step) {
  const std::string query = step == 0 ? "" : "?step=" + std::to_string(step);
  return call<protocol::DiffView>("GET", task_target(id, "/diff" + query));
}

Result<Document<protocol::TaskView>> Client::accept(TaskId id,
                                                    const protocol::AcceptRequest& request) {
  return call<protocol::TaskView>("POST", task_target(id, "/accept"),
                                  dump_json(to_json_value(request)));
}

Result<Document<protocol::TaskView>> Client::drop(TaskId id, const protocol::DropRequest& request) {
  return call<protocol::TaskView>("POST", task_target(id, "/drop"),
                                  dump_json(to_json_value(request)));
}

Result<Document<protocol::TaskView>> Client::undo(TaskId id, const protocol::UndoRequest& request) {
  return call<protocol::TaskView>("POST", task_target(id, "/undo"),
                                  dump_json(to_json_value(request)));
}

Result<Document<protocol::UndoView>> Client::look_at_undo(TaskId id,
                                                          protocol::UndoRequest request) {
  request.dry_run = true;
  return call<protocol::UndoView>("POST", task_target(id, "/undo"),
                                  dump_json(to_json_value(request)));
}

Result<Document<protocol::TaskView>> Client::fork(TaskId id, const protocol::ForkRequest& request) {
  return call<protocol::TaskView>("POST", task_target(id, "/fork"),
                                  dump_json(to_json_value(request)));
}

Result<Document<protocol::CassetteView>> Client::cassette(TaskId id) {
  return call<protocol::CassetteView>("GET", task_target(id, "/cassette"));
}

Result<Document<protocol::TaskView>> Client::change(TaskId id, std::string_view action) {
  return call<protocol::TaskView>("POST", task_target(id, "/" + std::string(action)));
}

Result<Document<protocol::SayView>> Client::say(TaskId id, const protocol::SayRequest& request) {
  if (Result<void> good = check(request); !good) return good.error();
  return call<protocol::SayView>("POST", task_target(id, "/say"),
                                 dump_json(to_json_value(request)));
}

Result<Document<protocol::BudgetView>> Client::budget(TaskId id) {
  return call<protocol::BudgetView>("GET", task_target(id, "/budget"));
}

Result<Document<protocol::BudgetView>> Client::raise_budget(
    TaskId id, const protocol::BudgetRaiseRequest& request) {
  return call<protocol::BudgetView>("POST", task_target(id, "/budget"),
                                    dump_json(to_json_value(request)));
}

Result<Document<protocol::CostReport>> Client::costs(TaskId task, const std::string& by,
                                                     std::uint64_t days) {
  return call<protocol::CostReport>(
      "GET", std::string(protocol::kCostsPath) + "?by=" + by + "&days=" + std::to_string(days) +
                 (task == kNoTask ? "" : "&task=" + std::to_string(number(task))));
}

Result<Document<protocol::RuleList>> Client::rules() {
  return call<protocol::RuleList>("GET", std::string(protocol::kRulesPath));
}

Result<Document<protocol::RuleView>> Client::remove_rule(std::uint64_t number) {
  return call<protocol::RuleView>(
      "POST", std::string(protocol::kRulesPath) + "/" + std::to_string(number) + "/remove");
}

Result<Document<protocol::McpServerList>> Client::mcp() {
  return call<protocol::McpServerList>("GET", std::string(protocol::kMcpPath));
}

Result<Document<protocol::ForgottenTools>> Client::forget(const protocol::ForgetTools& wanted) {
  return call<protocol::ForgottenTools>("POST", std::string(protocol::kMcpPath) + "/forget",
                                        dump_json(to_json_value(wanted)));
}

Result<Document<protocol::BreakpointList>> Client::breakpoints(TaskId id) {
  return call<protocol::BreakpointList>("GET", task_target(id, "/breakpoints"));
}

Result<Document<protocol::BreakpointList>> Client::set_breakpoint(
    TaskId id, const protocol::BreakpointRequest& request) {
  return call<protocol::BreakpointList>("POST", task_target(id, "/breakpoints"),
                                        dump_json(to_json_value(request)));
}

Result<Document<protocol::BreakpointList>> Client::clear_breakpoints(
    TaskId id, const protocol::ClearRequest& request) {
  return call<protocol::BreakpointList>("POST", task_target(id, "/breakpoints/clear"),
                                        dump_json(to_json_value(request)));
}

Result<Document<protocol::ApprovalList>> Client::approvals() {
  return call<protocol::ApprovalList>("GET", std::string(protocol::kApprovalsPath));
}

Result<Document<protocol::ApprovalView>> Client::approval(ApprovalId id) {
  return call<protocol::ApprovalView>("GET", approval_target(id));
}

Result<Document<protocol::DecisionView>> Client::decide(ApprovalId id,
                                                        const protocol::DecisionRequest& request) {
  if (Result<void> good = check(request); !good) return good.error();
  return call<protocol::DecisionView>("POST", approval_target(id),
                                      dump_json(to_json_value(request)));
}

Result<Document<protocol::BackupView>> Client::back_up(const protocol::BackupRequest& request) {
  if (Result<void> good = check(request); !good) return good.error();
  return call<protocol::BackupView>("POST", std::string(protocol::kBackupPath),
                                    dump_json(to_json_value(request)));
}

Result<Document<protocol::GcView>> Client::collect(const protocol::GcRequest& request) {
  if (Result<void> good = check(request); !good) return good.error();
  return call<protocol::GcView>("POST", std::string(protocol::kGcPath),
                                dump_json(to_json_value(request)));
}

Result<Document<protocol::VerifyView>> Client::verify(const protocol::VerifyRequest& request) {
  if (Result<void> good = check(request); !good) return good.error();
  return call<protocol::VerifyView>("POST", std::string(protocol::kVerifyPath),
                                    dump_json(to_json_value(request)));
}

Result<Document<protocol::ReplayView>> Client::replay(TaskId id) {
  return call<protocol::ReplayView>("POST", task_target(id, "/replay"));
}

Result<std::string> Client::core(TaskId id) {
  return bytes(task_target(id, "/core"));
}

Result<std::string> Client::trace(TaskId id) {
  std::string target(protocol::kTracePath);
  if (id != kNoTask) target += "?task=" + std::to_string(number(id));
  return bytes(target);
}

Result<std::string> Client::bytes(const std::string& target) {
  Result<UnixHttpClient::Answer> answer = http_.request("GET", target);
  if (!answer) return explained(answer.error());
  if (answer->status >= 400) return protocol::error_from(answer->status, answer->body);
  return std::move(answer->body);
}

Result<void> Client::events(TaskId id, std::uint64_t after, const StepDetail& detail,
                            const std::function<bool(const Document<protocol::EventView>&)>& take) {
  const auto read_and_take = [&](const UnixHttpClient::Event& event) {
    Result<Json> json = parse_json(event.data, kAnswerLimits);
    if (!json) return true;
    Result<protocol::EventView> view = from_json_value<protocol::EventView>(*json);
    if (!view || view->seq == 0) return true;
    return take({*std::move(view), *std::move(json)});
  };
  const Result<UnixHttpClient::Answer> answer =
      http_.events(task_target(id, "/events?after=" + std::to_string(after)) + calls_wanted(detail),
                   read_and_take);
  if (!answer) return explained(answer.error());
  if (answer->status >= 400) return protocol::error_from(answer->status, answer->body);
  return {};
}

template <class View>
Result<Document<View>> Client::call(std::string_view method, const std::string& target,
                                    std::string_view body) {
  const Result<UnixHttpClient::Answer> answer = http_.request(method, target, body);
  if (!answer) return explained(answer.error());
  if (answer->status >= 400) return protocol::error_from(answer->status, answer->body);
  return document_from<View>(answer->body);
}

Error Client::explained(const Error& error) const {
  if (error.code == Errc::unavailable) {
    return {Errc::unavailable, "tinkerbelld is not running at " + socket_path_ + " (" +
                                   error.message +
                                   "): start it with `systemctl start tinkerbelld` or "
                                   "`tinkerbelld --config FILE`"};
  }
  if (error.code == Errc::protocol) {  // it was killed, or is no tinkerbelld at all
    return {Errc::unavailable,
            "tinkerbelld at " + socket_path_ + " broke off (" + error.message + ")"};
  }
  if (error.code == Errc::denied) {
    return {Errc::denied, "you may not use " + socket_path_ + " (" + error.message + ")"};
  }
  return error;
}

}  // namespace tinkerbell::cli
