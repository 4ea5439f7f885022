#include "drivers/llm/offline.hpp"

#include "drivers/llm/playbook.hpp"
#include "drivers/llm/tool_call_ids.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/io/blocking_pool.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <unordered_map>

namespace tinkerbell {

namespace {

std::uint64_t bytes_of(const std::vector<ToolCall>& calls) {
  std::uint64_t bytes = 0;
  for (const ToolCall& call : calls)
    bytes += call.name.size() + call.arguments.size();
  return bytes;
}

TokenUsage usage_of(const ModelQuestion& question, const ModelReply& reply) {
  constexpr std::uint64_t kBytesPerToken = 4;
  std::uint64_t input = 0;
  for (std::size_t i = 0; i < question.messages.size(); ++i) {
    const Message& message = question.messages.at(i);
    input += message.text.size() + bytes_of(message.tool_calls);
  }
  return {.input = input / kBytesPerToken,
          .output = (reply.text.size() + bytes_of(reply.tool_calls)) / kBytesPerToken,
          .known = true};
}

ModelReply model_reply(const ModelQuestion& question, const PlaybookReply& answer) {
  ModelReply reply{.text = valid_utf8(answer.text), .model = question.model};
  for (const PlaybookCall& call : answer.calls)
    reply.tool_calls.push_back({.name = call.name, .arguments = dump_json(call.arguments)});
  ensure_unique_ids(reply.tool_calls, call_ids_in(question.messages));
  if (!reply.tool_calls.empty()) reply.finish = FinishReason::tool_calls;
  reply.usage = usage_of(question, reply);
  return reply;
}

/// The end of the piece that begins at `begin`: between code points.
std::size_t piece_end(std::string_view text, std::size_t begin, std::size_t chunk_bytes) {
  if (chunk_bytes == 0 || chunk_bytes >= text.size() - begin) return text.size();
  std::size_t end = begin + chunk_bytes;
  while (end < text.size() && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80)
    ++end;
  return end;
}

/// An answer on its way out.
struct Performance {
  ModelQuestion question;
  Provider::TextHandler text;
  Provider::AttemptHandler done;
  boost::asio::steady_timer timer;
  bool cancelled = false;

  ModelReply reply;
  Milliseconds delay{0};
  std::size_t chunk_bytes = 0;
  std::size_t shown = 0;  ///< Bytes of reply.text that `text` has seen.
};

}  // namespace

struct OfflineProvider::State : std::enable_shared_from_this<State> {
  State(boost::asio::any_io_executor executor, BlockingPool& blocking, const ProviderSettings& from)
      : loop(std::move(executor)), pool(blocking), path(from.playbook) {}

  void load(CommandId id);
  void begin(CommandId id);
  void wait(CommandId id);
  void show_piece(CommandId id);
  void settle(CommandId id, Result<ModelReply> reply);

  boost::asio::any_io_executor loop;
  BlockingPool& pool;
  std::string path;
  std::shared_ptr<const Playbook> playbook;  ///< Null until it is read.
  std::unordered_map<CommandId, Performance> running;
};

void OfflineProvider::State::load(CommandId id) {
  pool.run<Playbook>([file = path] { return load_playbook(file); },
                     Completion<Playbook>([weak = weak_from_this(), id](Result<Playbook> loaded) {
                       const auto self = weak.lock();
                       if (!self) return;
                       if (!loaded) return self->settle(id, loaded.error());
                       if (!self->playbook) {
                         self->playbook = std::make_shared<const Playbook>(*std::move(loaded));
                       }
                       self->begin(id);
                     }));
}

void OfflineProvider::State::begin(CommandId id) {
  Performance& performance = running.at(id);
  const PlaybookReply answer = playbook_reply(*playbook, performance.question.messages);
  performance.reply = model_reply(performance.question, answer);
  performance.delay = answer.delay;
  performance.chunk_bytes = answer.stream_chunk_bytes;
  wait(id);
}

void OfflineProvider::State::wait(CommandId id) {
  Performance& performance = running.at(id);
  performance.timer.expires_after(performance.cancelled ? Milliseconds{0} : performance.delay);
  performance.timer.async_wait([weak = weak_from_this(), id](const boost::system::error_code&) {
    if (const auto self = weak.lock()) self->show_piece(id);
  });
}

void OfflineProvider::State::show_piece(CommandId id) {
  Performance& performance = running.at(id);
  if (performance.cancelled) return settle(id, Error{Errc::cancelled, "cancelled"});
  const std::string& text = performance.reply.text;
  const std::size_t end = piece_end(text, performance.shown, performance.chunk_bytes);
  if (end > performance.shown) {
    performance.text(std::string_view(text).substr(performance.shown, end - performance.shown));
  }
  performance.shown = end;
  if (end < text.size()) return wait(id);
  settle(id, std::move(performance.reply));
}

void OfflineProvider::State::settle(CommandId id, Result<ModelReply> reply) {
  AttemptHandler done = std::move(running.at(id).done);
  running.erase(id);
  done({.reply = std::move(reply), .repeat = Repeat::never, .retry_after = std::nullopt});
}

OfflineProvider::OfflineProvider(boost::asio::any_io_executor loop, BlockingPool& pool,
                                 const ProviderSettings& settings)
    : state_(std::make_shared<State>(std::move(loop), pool, settings)) {}

OfflineProvider::~OfflineProvider() = default;

std::string OfflineProvider::place() const {
  return state_->path;
}

void OfflineProvider::ask(ModelQuestion question, TextHandler text, AttemptHandler done) {
  const CommandId id = question.id;
  state_->running.emplace(id, Performance{.question = std::move(question),
                                          .text = std::move(text),
                                          .done = std::move(done),
                                          .timer = boost::asio::steady_timer(state_->loop)});
  state_->playbook ? state_->begin(id) : state_->load(id);
}

void OfflineProvider::cancel(CommandId id) {
  const auto found = state_->running.find(id);
  if (found == state_->running.end()) return;
  found->second.cancelled = true;
  found->second.timer.cancel();
}

}  // namespace tinkerbell
