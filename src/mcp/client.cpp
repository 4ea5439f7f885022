#include "tinkerbell/mcp/client.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/base/version.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tinkerbell::mcp {

namespace {

constexpr std::string_view kModernVersion = "2026-07-28";
constexpr std::array<std::string_view, 4> kLegacyVersions = {"2025-11-25", "2025-06-18",
                                                             "2025-03-26", "2024-11-05"};
constexpr std::int64_t kVersionRefused = -32022;
constexpr std::int64_t kMethodNotFound = -32601;
constexpr std::size_t kPagesMax = 100;
constexpr std::size_t kStraysMax = 100;
constexpr std::size_t kUnaskedMax = 10'000;
constexpr std::size_t kParkedMax = 16;
constexpr std::size_t kGivenUpMax = 1'000;
constexpr std::size_t kShownMax = 400;
/// A request_state that is ours: an old server has none.
constexpr std::string_view kParkedState = "parked:";

/// −3202x are errors of the modern era, whichever.
bool is_modern_error(std::int64_t code) {
  return code <= -32020 && code >= -32029;
}

bool holds(const Json& versions, std::string_view wanted) {
  return versions.is_array() && std::ranges::count(versions, Json(wanted)) > 0;
}

bool holds_legacy(const Json& versions) {
  return std::ranges::any_of(kLegacyVersions,
                             [&](std::string_view each) { return holds(versions, each); });
}

std::string shown(std::string_view text) {
  return shortened(visible_line(text), kShownMax);
}

Error no_common_version(const Json& versions) {
  return {Errc::unsupported,
          "the server speaks no version that we do: " + shown(dump_json(versions))};
}

Json client_info() {
  return {{"name", "tinkerbell"}, {"version", std::string(kBuildVersion)}};
}

/// Questions by form; what would show people an address, and all else, we do not offer.
Json capabilities() {
  return {{"elicitation", {{"form", Json::object()}}}};
}

std::string progress_in_words(const Json& params) {
  std::string words;
  if (const auto progress = params.find("progress");
      progress != params.end() && progress->is_number()) {
    words = dump_json(*progress);
    if (const auto total = params.find("total"); total != params.end() && total->is_number()) {
      words += "/" + dump_json(*total);
    }
  }
  if (const auto text = params.find("message"); text != params.end() && text->is_string()) {
    words += (words.empty() ? "" : " ") + shown(text->get<std::string>());
  }
  return words + "\n";
}

}  // namespace

Error Client::Answer::error(std::string_view method) const {
  if (none) return *none;
  const std::string words = std::string(method) + ": the server says: " + shown(message) + " (" +
                            std::to_string(code) + ")";
  switch (code) {
    case kMethodNotFound:
      return {Errc::unsupported, words};
    case -32600:
    case -32602:
      return {Errc::invalid, words};
    default:
      return {Errc::protocol, words};
  }
}

// ---- the era ----

void Client::begin(Era known) {
  if (known == Era::legacy) return initialize();
  discovery_ = request("server/discover", with_meta(Json::object()),
                       [this](const Answer& answer) { discovered(answer); });
}

void Client::discovery_timed_out() {
  const auto discovery = pending_.find(discovery_);
  if (discovery == pending_.end()) return;
  pending_.erase(discovery);
  given_up_.insert(discovery_);
  initialize();
}

void Client::discovered(const Answer& answer) {
  if (answer.none) return fail(*answer.none);
  if (answer.result) {
    const Json versions = answer.result->value("supportedVersions", Json());
    if (holds(versions, kModernVersion)) return settle(Era::modern);
    return holds_legacy(versions) ? initialize() : fail(no_common_version(versions));
  }
  if (!is_modern_error(answer.code)) return initialize();
  if (answer.code != kVersionRefused) return settle(Era::modern);
  const Json versions = answer.data.is_object() ? answer.data.value("supported", Json()) : Json();
  if (holds(versions, kModernVersion)) return settle(Era::modern);
  holds_legacy(versions) ? initialize() : fail(no_common_version(versions));
}

void Client::initialize() {
  request("initialize",
          {{"protocolVersion", kLegacyVersions.front()},
           {"capabilities", capabilities()},
           {"clientInfo", client_info()}},
          [this](const Answer& answer) { initialized(answer); });
}

void Client::initialized(const Answer& answer) {
  if (!answer.result) return fail(answer.error("initialize"));
  const Json version = answer.result->value("protocolVersion", Json());
  if (!version.is_string() ||
      std::ranges::count(kLegacyVersions, version.get_ref<const std::string&>()) == 0) {
    return fail(no_common_version(version));
  }
  notify("notifications/initialized", Json::object());
  settle(Era::legacy);
}

void Client::settle(Era era) {
  era_ = era;
  for (auto& each : std::exchange(waiting_, {}))
    each();
  if (parts_.settled) parts_.settled();
}

void Client::fail(Error why) {
  failure_ = std::move(why);
  settle(Era::unknown);
}

// ---- what we ask ----

Json Client::with_meta(Json params) const {
  if (era_ == Era::legacy) return params;
  Json& meta = params["_meta"];
  meta["io.modelcontextprotocol/protocolVersion"] = kModernVersion;
  meta["io.modelcontextprotocol/clientCapabilities"] = capabilities();
  meta["io.modelcontextprotocol/clientInfo"] = client_info();
  return params;
}

Client::RequestId Client::request(std::string_view method, Json params, Handler handler) {
  const RequestId id = ++last_id_;
  pending_.emplace(id, Pending{.handler = std::move(handler), .progress = {}});
  parts_.send(dump_json(
      {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}}));
  return id;
}

void Client::notify(std::string_view method, Json params) {
  parts_.send(dump_json({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}}));
}

void Client::reply(const Json& id, std::string_view key, Json value) {
  Json message{{"jsonrpc", "2.0"}, {"id", id}};
  message[std::string(key)] = std::move(value);
  parts_.send(dump_json(message));
}

void Client::list_tools(Completion<ToolList> done) {
  if (failure_) return done(*failure_);
  if (era_ == Era::unknown) {
    waiting_.emplace_back(
        [this, done = std::move(done)]() mutable { list_tools(std::move(done)); });
    return;
  }
  tools_changed_ = false;
  next_page({}, {}, {}, std::move(done));
}

void Client::next_page(ToolList list, std::set<std::string> cursors, std::string cursor,
                       Completion<ToolList> done) {
  Json params = Json::object();
  if (!cursor.empty()) params["cursor"] = cursor;
  request("tools/list", with_meta(std::move(params)),
          [this, list = std::move(list), cursors = std::move(cursors),
           done = std::move(done)](const Answer& answer) mutable {
            if (!answer.result) return done(answer.error("tools/list"));
            Result<std::string> next = add_page(*answer.result, list);
            if (!next) return done(next.error());
            if (next->empty()) return done(std::move(list));
            if (!cursors.insert(*next).second || cursors.size() >= kPagesMax) {
              return done(Error{Errc::protocol, "tools/list: pages without end"});
            }
            next_page(std::move(list), std::move(cursors), *std::move(next), std::move(done));
          });
}

Client::RequestId Client::call(Call call, Completion<CallResult> done) {
  const RequestId id = ++last_id_;
  if (failure_) {
    done(*failure_);
  } else if (era_ == Era::unknown) {
    not_sent_.emplace(id, std::move(done));
    waiting_.emplace_back([this, id, call = std::move(call)]() mutable {
      const auto waits = not_sent_.find(id);
      if (waits == not_sent_.end()) return;  // cancelled
      Completion<CallResult> waiting = std::move(waits->second);
      not_sent_.erase(waits);
      failure_ ? waiting(*failure_) : send_call(id, std::move(call), std::move(waiting));
    });
  } else {
    send_call(id, std::move(call), std::move(done));
  }
  return id;
}

void Client::send_call(RequestId id, Call call, Completion<CallResult> done) {
  if (call.request_state.starts_with(kParkedState) && era_ == Era::legacy) {
    return resume(id, std::move(call), std::move(done));
  }
  Json params{{"name", call.tool}, {"arguments", std::move(call.arguments)}};
  if (!call.input_responses.is_null()) params["inputResponses"] = std::move(call.input_responses);
  if (!call.request_state.empty()) params["requestState"] = std::move(call.request_state);
  if (call.progress) params["_meta"]["progressToken"] = id;
  pending_.emplace(id, Pending{.handler =
                                   [this, done = std::move(done)](const Answer& answer) mutable {
                                     finish_call(answer, std::move(done));
                                   },
                               .is_call = true,
                               .progress = std::move(call.progress)});
  parts_.send(dump_json({{"jsonrpc", "2.0"},
                         {"id", id},
                         {"method", "tools/call"},
                         {"params", with_meta(std::move(params))}}));
}

void Client::finish_call(const Answer& answer, Completion<CallResult> done) {
  done(answer.result ? call_result_of(*answer.result)
                     : Result<CallResult>(answer.error("tools/call")));
}

/// The server has been waiting for this since it asked.
void Client::resume(RequestId id, Call call, Completion<CallResult> done) {
  const auto found = parked_.find(call.request_state);
  if (found == parked_.end()) {
    return done(Error{Errc::unknown_outcome,
                      "the server ended while it waited for an answer in the middle of the call"});
  }
  Parked parked = std::move(found->second);
  parked_.erase(found);
  if (parked.answer) return finish_call(*parked.answer, std::move(done));
  // It knows the call by its first id: what comes under that is for the new one.
  Pending pending{
      .handler = [this, done = std::move(done)](
                     const Answer& answer) mutable { finish_call(answer, std::move(done)); },
      .is_call = true,
      .progress = std::move(call.progress)};
  pending_.emplace(id, std::move(pending));
  aliases_[parked.call] = id;
  const Json& responses = call.input_responses;
  const auto response = responses.is_object() ? responses.begin() : responses.end();
  reply(parked.question, "result",
        responses.is_object() && !responses.empty() ? *response : Json{{"action", "cancel"}});
}

void Client::cancel(RequestId id) {
  const Error cancelled{Errc::cancelled, "the call was cancelled"};
  give_up(id, cancelled, cancelled);
}

void Client::give_up(RequestId id, const Error& begun, const Error& other) {
  if (const auto waits = not_sent_.find(id); waits != not_sent_.end()) {
    Completion<CallResult> done = std::move(waits->second);
    not_sent_.erase(waits);
    return done(other);
  }
  if (pending_.contains(id)) end_call(id, begun);
}

void Client::end_call(RequestId id, const Error& why) {
  const auto pending = pending_.find(id);
  Handler handler = std::move(pending->second.handler);
  pending_.erase(pending);
  const auto alias = std::ranges::find(aliases_, id, [](const auto& each) { return each.second; });
  const RequestId known_as = alias == aliases_.end() ? id : alias->first;
  if (alias != aliases_.end()) aliases_.erase(alias);
  given_up_.insert(known_as);
  if (given_up_.size() > kGivenUpMax) given_up_.erase(given_up_.begin());
  notify("notifications/cancelled", with_meta({{"requestId", known_as}, {"reason", why.message}}));
  handler(Answer{.none = why});
}

void Client::lost(const Error& begun, const Error& other) {
  for (auto& [id, pending] : std::exchange(pending_, {}))
    pending.handler(Answer{.none = pending.is_call ? begun : other});
  if (!failure_) failure_ = other;
  for (auto& [id, done] : std::exchange(not_sent_, {}))
    done(other);
  for (auto& each : std::exchange(waiting_, {}))
    each();
  parked_.clear();
}

// ---- what the server says ----

Result<void> Client::stray(std::string_view what) {
  parts_.tell(what);
  if (++strays_ < kStraysMax) return {};
  return Error{Errc::protocol, "the server has sent " + std::to_string(kStraysMax) +
                                   " lines that mean nothing, the last: " + shown(what)};
}

Result<void> Client::take(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
  const Result<Json> message = parse_json(line);
  if (!message) return stray("not JSON (" + message.error().message + "): " + shown(line));
  if (!message->is_object()) return stray("not a message: " + shown(line));
  if (message->contains("method")) {
    if (++unasked_ > kUnaskedMax) {
      return Error{Errc::protocol, "the server floods us: " + std::to_string(kUnaskedMax) +
                                       " messages that nobody asked for"};
    }
    if (!message->at("method").is_string()) return stray("not a method: " + shown(line));
    return message->contains("id") ? take_request(*message) : take_notification(*message);
  }
  return take_answer(*message);
}

Result<void> Client::take_answer(const Json& message) {
  const auto id = message.find("id");
  if (id == message.end() || !id->is_number_unsigned()) return stray("an answer to nothing");
  RequestId known_as = id->get<RequestId>();
  if (given_up_.erase(known_as) > 0) return {};
  Answer answer;
  const auto error = message.find("error");
  if (error != message.end() && error->is_object()) {
    const auto code = error->find("code");
    if (code != error->end() && code->is_number_integer()) answer.code = code->get<std::int64_t>();
    const auto words = error->find("message");
    if (words != error->end() && words->is_string()) answer.message = words->get<std::string>();
    answer.data = error->value("data", Json());
  } else if (const auto result = message.find("result");
             result != message.end() && result->is_object()) {
    answer.result = *result;
  } else {
    return stray("an answer without result or error");
  }
  if (const auto alias = aliases_.find(known_as); alias != aliases_.end()) {
    known_as = alias->second;
    aliases_.erase(alias);
  }
  if (const auto parked =
          std::ranges::find(parked_, known_as, [](const auto& each) { return each.second.call; });
      parked != parked_.end() && !parked->second.answer) {
    parked->second.answer = std::move(answer);
    return {};
  }
  const auto pending = pending_.find(known_as);
  if (pending == pending_.end()) return stray("an answer to a request that is not open");
  unasked_ = 0;
  Handler handler = std::move(pending->second.handler);
  pending_.erase(pending);
  handler(std::move(answer));
  return {};
}

Result<void> Client::take_request(const Json& message) {
  const Json& id = message.at("id");
  const auto& method = message.at("method").get_ref<const std::string&>();
  if (!id.is_string() && !id.is_number()) return stray("a request without an id");
  if (method == "ping") {
    reply(id, "result", Json::object());
  } else if (method == "elicitation/create" && era_ == Era::legacy) {
    elicit(message);
  } else {
    reply(id, "error",
          {{"code", kMethodNotFound}, {"message", "this client does not offer " + shown(method)}});
  }
  return {};
}

/// The call that it is about ends here for now, with the question. That is asked as one of the
/// modern era is, which is repeated with the answer: here the call goes on with it.
void Client::elicit(const Json& message) {
  const Json params = message.value("params", Json::object());
  const auto is_call = [](const auto& each) { return each.second.is_call; };
  const bool by_form = params.is_object() && params.value("mode", Json("form")) == "form";
  // An old server does not say of which call it speaks.
  if (!by_form || parked_.size() >= kParkedMax || std::ranges::count_if(pending_, is_call) != 1) {
    reply(message.at("id"), "result", {{"action", "decline"}});
    return;
  }
  const auto call = std::ranges::find_if(pending_, is_call);
  const RequestId id = call->first;
  const auto alias = std::ranges::find(aliases_, id, [](const auto& each) { return each.second; });
  const RequestId known_as = alias == aliases_.end() ? id : alias->first;
  if (alias != aliases_.end()) aliases_.erase(alias);
  const std::string state =
      std::string(kParkedState) + parts_.nonce + ":" + std::to_string(++last_id_);
  parked_.emplace(state, Parked{.call = known_as, .question = message.at("id"), .answer = {}});
  Handler handler = std::move(call->second.handler);
  pending_.erase(call);
  handler(Answer{
      .result = Json{
          {"resultType", "input_required"},
          {"inputRequests", {{"question", {{"method", "elicitation/create"}, {"params", params}}}}},
          {"requestState", state}}});
}

Result<void> Client::take_notification(const Json& message) {
  const auto& method = message.at("method").get_ref<const std::string&>();
  if (method == "notifications/tools/list_changed") {
    tools_changed_ = true;
  } else if (method == "notifications/progress") {
    const Json params = message.value("params", Json::object());
    const Json token = params.is_object() ? params.value("progressToken", Json()) : Json();
    if (!token.is_number_unsigned()) return {};
    const auto pending = pending_.find(token.get<RequestId>());
    if (pending == pending_.end() || !pending->second.progress) return {};
    // A copy: whoever is told may end the call.
    const auto progress = pending->second.progress;
    progress(progress_in_words(params));
  }
  return {};
}

}  // namespace tinkerbell::mcp
