#include "tinkerbell/drivers/mcp/mcp_driver.hpp"

#include "drivers/mcp/pins.hpp"
#include "drivers/mcp/session.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/random.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/diff.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;

namespace {

/// After so many crashes in a row nobody waits for the next start.
constexpr std::uint32_t kCrashesMax = 4;
constexpr Milliseconds kPauseMax{60'000};
constexpr std::string_view kAnyHost = "*";

mcp::Tool as_tool(const ToolDefinition& definition) {
  return {
      .name = definition.name, .description = definition.description, .schema = definition.schema};
}

std::string hash_of(const McpServer& server, const mcp::Tool& tool) {
  return mcp::definition_hash(server.name, server.program.argv, tool);
}

bool offers(const McpServer& server, const std::string& tool) {
  return std::ranges::any_of(server.tools, [&](const std::string& glob) {
    return ::fnmatch(glob.c_str(), tool.c_str(), 0) == 0;
  });
}

EffectClass effect_of(const McpServer& server, const std::string& tool) {
  const auto found = server.effects.find(tool);
  return found == server.effects.end() ? EffectClass::once : found->second;
}

std::string in_words(const ToolDefinition& tool) {
  return tool.description + "\n" + pretty_json(tool.schema) + "\n";
}

std::string joined(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& word : argv)
    line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace

class McpDriver::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor loop, BlockingPool& pool, const Clock& clock, ProgressSink& sink,
       Logger& logger, McpSettings settings)
      : loop_(std::move(loop)),
        pool_(pool),
        clock_(clock),
        sink_(sink),
        logger_(logger),
        settings_(std::move(settings)),
        pins_(pool, settings_.pins) {
    if (!pins_.fault().empty()) logger_.warn("mcp.pins", {{"error", pins_.fault()}});
  }

  Result<Prepared> prepare(const Call& call) {
    const Result<const McpServer*> server = server_of(call.command);
    if (!server) return server.error();
    if (settings_.process.sandbox == ProcessSandbox::bubblewrap && !settings_.sandbox_works) {
      return settings_.sandbox_works.error();
    }
    Facts facts{.object = joined((*server)->program.argv),
                .sandbox = std::string(name_of(settings_.process.sandbox)),
                .host = (*server)->program.access.network ? std::string(kAnyHost) : "",
                .draft = call.draft};
    if (const auto* const trust = std::get_if<AwaitToolTrust>(&call.command)) {
      if (Result<void> sound = check(**server, *trust); !sound) return sound.error();
      facts.diff = what_is_new(*trust);
    } else if (const auto* const tool = std::get_if<AwaitTool>(&call.command)) {
      if (Result<void> pinned = check_pin(**server, *tool); !pinned) return pinned.error();
      facts.object_sha256 = tool->definition;
    }
    return Prepared{.facts = std::move(facts), .pre_image = std::nullopt};
  }

  void perform(Call call, Completion<Reply> done) {
    const CommandId id = call.id;
    const bool added = open_.try_emplace(id, Open{.done = std::move(done)}).second;
    TINKERBELL_ASSERT(added);
    // Looked at again: people may have changed their minds.
    const Result<Prepared> still = prepare(call);
    if (!still) return finish(id, still.error());
    const McpServer& server = **server_of(call.command);
    if (auto* const trust = std::get_if<AwaitToolTrust>(&call.command)) {
      pins_.add(server.name, trust->tools,
                Completion<void>([self = weak_from_this(), id](const Result<void>& kept) {
                  const auto impl = self.lock();
                  if (!impl) return;
                  impl->finish(id, kept ? Result<Reply>(Reply(AwaitToolTrust::Reply{}))
                                        : Result<Reply>(kept.error()));
                }));
      return;
    }
    const Result<std::shared_ptr<Session>> session = session_for(server, call);
    if (!session) return finish(id, session.error());
    const bool is_list = std::holds_alternative<AwaitToolList>(call.command);
    open_.at(id).session = *session;
    if (const auto* const tool = std::get_if<AwaitTool>(&call.command);
        tool != nullptr && (*session)->is_parked(tool->request_state)) {
      return begin_call(call, *tool);  // it was looked at, and does nothing until it is answered
    }
    (*session)->list(is_list, Completion<mcp::ToolList>(
                                  [self = weak_from_this(), &server,
                                   call = std::move(call)](const Result<mcp::ToolList>& list) {
                                    const auto impl = self.lock();
                                    if (impl && impl->open_.contains(call.id))
                                      impl->listed(server, call, list);
                                  }));
  }

  void cancel(CommandId id) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    const auto session = found->second.session;
    const auto request = found->second.request;
    finish(id, Error{Errc::cancelled, "cancelled"});
    if (session && request) session->cancel(*request);
  }

  void close() {
    std::exchange(open_, {}).clear();  // first: what becomes of them the next daemon says
    for (auto& [key, session] : std::exchange(sessions_, {}))
      session->end({Errc::unavailable, "the daemon ends"}, /*crashed=*/false);
  }

  [[nodiscard]] std::size_t running() const { return sessions_.size(); }

  [[nodiscard]] std::vector<McpServerState> servers() const {
    std::map<std::string, McpServerState> states;
    for (const McpServer& server : settings_.servers)
      states[server.name].command = joined(server.program.argv);
    for (auto& [name, tools] : pins_.names())
      states[name].approved = std::move(tools);
    for (const auto& [key, session] : sessions_)
      ++states[key.server].running;
    for (const auto& [name, crashes] : crashes_)
      states[name].crashes = crashes.in_a_row;
    std::vector<McpServerState> all;
    for (auto& [name, state] : states) {
      state.name = name;
      all.push_back(std::move(state));
    }
    return all;
  }

  void forget(const std::string& server, const std::string& tool,
              Completion<std::vector<std::string>> done) {
    pins_.forget(server, tool, std::move(done));
  }

 private:
  /// A command that is performed.
  struct Open {
    Completion<Reply> done;
    std::shared_ptr<Session> session = {};
    std::optional<mcp::Client::RequestId> request = {};
  };

  struct Crashes {
    std::uint32_t in_a_row = 0;
    SteadyTime not_before{};
  };

  Result<const McpServer*> server_of(const TaskCommand& command) const {
    const std::string* name = nullptr;
    if (const auto* const list = std::get_if<AwaitToolList>(&command)) name = &list->server;
    if (const auto* const trust = std::get_if<AwaitToolTrust>(&command)) name = &trust->server;
    if (const auto* const tool = std::get_if<AwaitTool>(&command)) name = &tool->server;
    if (name == nullptr) return Error{Errc::internal, "not about a tool"};
    const auto found = std::ranges::find(settings_.servers, *name, &McpServer::name);
    if (found != settings_.servers.end()) return &*found;
    return Error{Errc::not_found, "the config has no [mcp." + visible_line(*name) + "]"};
  }

  static Result<void> check(const McpServer& server, const AwaitToolTrust& trust) {
    for (const ToolDefinition& tool : trust.tools) {
      if (hash_of(server, as_tool(tool)) != tool.sha256) {
        return Error{Errc::conflict, "tool " + visible_line(tool.name) +
                                         ": this is not the hash of that definition"};
      }
    }
    return {};
  }

  Result<void> check_pin(const McpServer& server, const AwaitTool& call) const {
    const std::string tool = visible_line(call.tool);
    if (!offers(server, call.tool)) {
      return Error{Errc::denied, "[mcp." + server.name + "] does not offer " + tool};
    }
    if (call.effect != EffectClass::once && call.effect != effect_of(server, call.tool)) {
      return Error{Errc::conflict, "the config does not say any more that " + tool + " is " +
                                       std::string(name_of(call.effect))};
    }
    const ToolDefinition* const pinned = pins_.find(server.name, call.tool);
    if (pinned != nullptr && pinned->sha256 == call.definition) return {};
    return Error{Errc::denied, "nobody has approved this definition of the tool " + tool};
  }

  /// Against what people approved under the same names.
  std::string what_is_new(const AwaitToolTrust& trust) const {
    std::string diff;
    for (const ToolDefinition& tool : trust.tools) {
      const ToolDefinition* const before = pins_.find(trust.server, tool.name);
      if (before == nullptr || before->sha256 == tool.sha256) continue;
      const std::string words = unified_diff(tool.name, in_words(*before), in_words(tool));
      diff += words.empty() ? "the way in which " + trust.server + " is started\n" : words;
    }
    return diff;
  }

  Result<std::shared_ptr<Session>> session_for(const McpServer& server, const Call& call) {
    const SessionKey key{server.name, call.workspace, call.draft};
    if (const auto found = sessions_.find(key); found != sessions_.end()) return found->second;
    if (Result<void> may = may_start(server.name); !may) return may.error();
    if (sessions_.size() >= settings_.running_max) end_an_idle_one();
    if (sessions_.size() >= settings_.running_max) {
      return Error{Errc::unavailable, std::to_string(sessions_.size()) +
                                          " MCP servers are at work, as many as may be"};
    }
    const auto session = std::make_shared<Session>(loop_, pool_, logger_, settings_, server, key,
                                                   std::to_string(random_.next()),
                                                   [self = weak_from_this(), key](bool crashed) {
                                                     if (const auto impl = self.lock())
                                                       impl->ended(key, crashed);
                                                   });
    sessions_.emplace(key, session);
    session->start();
    return session;
  }

  Result<void> may_start(const std::string& server) const {
    const auto found = crashes_.find(server);
    if (found == crashes_.end() || clock_.steady() >= found->second.not_before) return {};
    Error error{Errc::unavailable, "the server " + server + " has ended by itself " +
                                       std::to_string(found->second.in_a_row) + " times in a row"};
    if (found->second.in_a_row <= kCrashesMax) {
      error.retry_at = clock_.wall() + (found->second.not_before - clock_.steady());
    }
    return error;
  }

  void end_an_idle_one() {
    const auto idle =
        std::ranges::find_if(sessions_, [](const auto& each) { return each.second->is_idle(); });
    if (idle == sessions_.end()) return;
    const std::shared_ptr<Session> session = idle->second;
    session->end({Errc::unavailable, "another server needed its place"}, /*crashed=*/false);
  }

  void ended(const SessionKey& key, bool crashed) {
    sessions_.erase(key);
    if (!crashed) return;
    Crashes& crashes = crashes_[key.server];
    ++crashes.in_a_row;
    const auto pause = settings_.pause * (1U << std::min(crashes.in_a_row - 1, 10U));
    crashes.not_before = later(clock_.steady(), std::min<Milliseconds>(pause, kPauseMax));
  }

  void listed(const McpServer& server, const Call& call, const Result<mcp::ToolList>& list) {
    if (!list) return finish(call.id, list.error());
    crashes_.erase(server.name);
    const auto* const tool = std::get_if<AwaitTool>(&call.command);
    if (tool == nullptr) return finish(call.id, Reply(listing(server, *list)));
    const auto found = std::ranges::find(list->tools, tool->tool, &mcp::Tool::name);
    if (found == list->tools.end()) {
      return finish(call.id, Error{Errc::not_found, "the server " + server.name + " has no tool " +
                                                        visible_line(tool->tool) + " any more"});
    }
    if (hash_of(server, *found) != tool->definition) {
      return finish(call.id, Error{Errc::conflict, "the server " + server.name + " describes " +
                                                       visible_line(tool->tool) +
                                                       " otherwise now than it was approved"});
    }
    begin_call(call, *tool);
  }

  AwaitToolList::Reply listing(const McpServer& server, const mcp::ToolList& list) const {
    AwaitToolList::Reply reply{.tools = {}, .left = list.left};
    for (const mcp::Tool& tool : list.tools) {
      if (!offers(server, tool.name)) {
        reply.left.push_back(tool.name + ": the config does not offer it");
        continue;
      }
      ListedTool listed{.definition = {.name = tool.name,
                                       .description = tool.description,
                                       .schema = tool.schema,
                                       .sha256 = hash_of(server, tool)},
                        .offered_as = mcp::offered_name(server.name, tool.name),
                        .effect = effect_of(server, tool.name)};
      listed.approved = pins_.holds(server.name, listed.definition);
      reply.tools.push_back(std::move(listed));
    }
    return reply;
  }

  void begin_call(const Call& call, const AwaitTool& tool) {
    Open& open = open_.at(call.id);
    const std::shared_ptr<Session> session = open.session;
    const mcp::Client::RequestId request = session->call(
        {.tool = tool.tool,
         .arguments = tool.arguments,
         .input_responses = tool.input_responses,
         .request_state = tool.request_state,
         .progress =
             [self = weak_from_this(), id = call.id](std::string_view text) {
               const auto impl = self.lock();
               if (impl) impl->sink_.progress(id, ProgressKind::program_output, text);
             }},
        Completion<mcp::CallResult>([self = weak_from_this(), id = call.id,
                                     effect = tool.effect](Result<mcp::CallResult> result) {
          if (const auto impl = self.lock()) impl->called(id, effect, std::move(result));
        }));
    if (const auto still = open_.find(call.id); still != open_.end()) {
      still->second.request = request;
    }
  }

  void called(CommandId id, EffectClass effect, Result<mcp::CallResult> result) {
    if (!result) {
      Error error = result.error();
      // Of a tool that may be called twice nobody has to say what became of the first call.
      if (error.code == Errc::unknown_outcome && effect != EffectClass::once) {
        error.code = Errc::unavailable;
      }
      return finish(id, error);
    }
    finish(id, Reply(AwaitTool::Reply{.text = std::move(result->text),
                                      .text_bytes = result->text_bytes,
                                      .structured = std::move(result->structured),
                                      .is_error = result->is_error,
                                      .input_requests = std::move(result->input_requests),
                                      .request_state = std::move(result->request_state)}));
  }

  void finish(CommandId id, Result<Reply> outcome) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    Completion<Reply> done = std::move(found->second.done);
    open_.erase(found);
    done(std::move(outcome));
  }

  asio::any_io_executor loop_;
  BlockingPool& pool_;
  const Clock& clock_;
  ProgressSink& sink_;
  Logger& logger_;
  SystemRandom random_;
  McpSettings settings_;
  Pins pins_;
  std::map<SessionKey, std::shared_ptr<Session>> sessions_;
  std::map<std::string, Crashes> crashes_;  ///< By server.
  std::map<CommandId, Open> open_;
};

McpDriver::McpDriver(asio::any_io_executor loop, BlockingPool& pool, const Clock& clock,
                     ProgressSink& sink, Logger& logger, McpSettings settings)
    : impl_(std::make_shared<Impl>(std::move(loop), pool, clock, sink, logger,
                                   std::move(settings))) {}

McpDriver::~McpDriver() {
  impl_->close();
}

void McpDriver::prepare(Call call, Completion<Prepared> prepared) {
  prepared(impl_->prepare(call));
}

void McpDriver::perform(Call call, Completion<Reply> done) {
  impl_->perform(std::move(call), std::move(done));
}

void McpDriver::recover(Call /*call*/, Completion<Reply> done) {
  done(Error{Errc::unknown_outcome,
             "the daemon ended while the tool was at work, and its server with it"});
}

void McpDriver::cancel(CommandId id) {
  impl_->cancel(id);
}

std::size_t McpDriver::running() const {
  return impl_->running();
}

std::vector<McpServerState> McpDriver::servers() const {
  return impl_->servers();
}

void McpDriver::forget(const std::string& server, const std::string& tool,
                       Completion<std::vector<std::string>> done) {
  impl_->forget(server, tool, std::move(done));
}

}  // namespace tinkerbell
