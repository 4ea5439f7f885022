#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include "drivers/llm/backoff.hpp"
#include "drivers/llm/catalogue.hpp"
#include "drivers/llm/playbook.hpp"
#include "drivers/llm/price.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

/// An attempt under way, or in line.
struct Run {
  Call call;
  Chain chain;
  const Endpoint* endpoint = nullptr;  ///< Who is asked.
  SteadyTime begun{};                  ///< When it left the line.
  bool wants_json = false;
  Completion<Reply> done;
  bool cancelled = false;

  [[nodiscard]] const AwaitLLMResponse& question() const {
    return std::get<AwaitLLMResponse>(call.command);
  }
};

/// The run keeps nothing of it: a long conversation is not to be held as long as its answer takes.
ModelQuestion take_question(Run& run) {
  AwaitLLMResponse command = std::get<AwaitLLMResponse>(std::exchange(run.call.command, {}));
  return {.id = run.call.id,
          .key = run.call.key,
          .model = run.endpoint->model,
          .tokens_max = run.endpoint->tokens_for(command.tokens_max),
          .context_tokens = run.endpoint->context_tokens,
          .messages = std::move(command.messages),
          .tools = std::move(command.tools),
          .output_schema = std::move(command.output_schema),
          .thinking = run.endpoint->thinking};
}

/// An answer that is to be JSON, and is whole, but is no JSON: the service failed at this request.
Attempt held_to_json(Attempt attempt) {
  if (!attempt.reply || attempt.reply->finish != FinishReason::stop) return attempt;
  constexpr std::size_t kReasonBytesMax = 200;
  const Result<Json> json = parse_json(attempt.reply->text);
  if (json) return attempt;
  Error error{Errc::protocol, "the answer is not the JSON that was asked for: " +
                                  visible_line(shortened(json.error().message, kReasonBytesMax))};
  error.rejected = std::make_shared<const Reply>(*std::move(attempt.reply));
  return {.reply = std::move(error),
          .repeat = Repeat::at_most,
          .retry_after = std::nullopt,
          .may_have_cost = true};
}

}  // namespace

struct LlmDriver::State : std::enable_shared_from_this<State> {
  State(Catalogue models, const Clock& time, ProgressSink& sink, Logger& log, RetrySettings retries)
      : catalogue(std::move(models)), clock(time), progress(sink), logger(log), retry(retries) {}

  /// Null: none of them can answer now.
  [[nodiscard]] const Endpoint* choose(const Run& run, std::uint32_t attempt) const {
    return tinkerbell::choose(run.chain, attempt, retry.attempts_max, clock.steady());
  }

  void stand_in_line(Run& run);
  void move_on_from(Service& service);
  void look_again(Service& service);
  void ask(CommandId id);
  void settle(CommandId id, Attempt attempt);
  void report_unknown(CommandId id, const Endpoint& endpoint, std::uint32_t count);
  [[nodiscard]] std::optional<WallTime> next_attempt(const Run& run, const Attempt& failed) const;
  [[nodiscard]] std::optional<Nanoseconds> pause_after(const Run& run, const Attempt& failed) const;

  Catalogue catalogue;
  const Clock& clock;
  ProgressSink& progress;
  Logger& logger;
  RetrySettings retry;
  std::unordered_map<CommandId, Run> running;
  std::map<std::string, std::uint64_t> passed_over;  ///< By the endpoints' name.
};

void LlmDriver::State::stand_in_line(Run& run) {
  const Endpoint* const chosen = choose(run, run.call.attempt);
  run.endpoint = chosen != nullptr ? chosen : run.chain.front();
  const Reservation reserved = run.endpoint->reserved_for(run.question());
  Service& service = *run.endpoint->service;
  service.lane.enter({.id = run.call.id,
                      .tokens = reserved.tokens_in + reserved.tokens_out,
                      .breaker = run.endpoint->breaker,
                      .start =
                          [weak = weak_from_this(), id = run.call.id] {
                            if (const auto self = weak.lock()) self->ask(id);
                          }},
                     clock.steady());
  look_again(service);
}

/// Those in line for what cannot answer now go to what answers in its place.
void LlmDriver::State::move_on_from(Service& service) {
  for (const CommandId id : service.lane.waiting()) {
    Run& run = running.at(id);
    const Endpoint* const other = choose(run, run.call.attempt);
    if (other == nullptr || other == run.endpoint) continue;
    service.lane.leave(id);
    stand_in_line(run);
  }
}

void LlmDriver::State::look_again(Service& service) {
  const SteadyTime now = clock.steady();
  const SteadyTime next = service.lane.next_look(now);
  if (next == kNever) {
    service.look.cancel();
    return;
  }
  service.look.expires_after(next - now);
  service.look.async_wait(
      [weak = weak_from_this(), &service](const boost::system::error_code& ended) {
        const auto self = weak.lock();
        if (ended || !self) return;
        service.lane.let_in(self->clock.steady());
        self->look_again(service);
      });
}

void LlmDriver::State::ask(CommandId id) {
  Run& run = running.at(id);
  run.begun = clock.steady();
  run.endpoint->service->provider->ask(
      take_question(run),
      [weak = weak_from_this(), id](std::string_view text) {
        if (const auto self = weak.lock()) {
          self->progress.progress(id, ProgressKind::model_text, text);
        }
      },
      [weak = weak_from_this(), id](Attempt attempt) {
        if (const auto self = weak.lock()) self->settle(id, std::move(attempt));
      });
}

void LlmDriver::State::settle(CommandId id, Attempt attempt) {
  Run run = std::move(running.extract(id).mapped());  // first: the answer may bring the next call
  const Endpoint& endpoint = *run.endpoint;
  endpoint.service->lane.ended(id, attempt, clock.steady());
  if (!attempt.reply) move_on_from(*endpoint.service);
  look_again(*endpoint.service);
  if (attempt.passed_over > 0) report_unknown(id, endpoint, attempt.passed_over);
  const auto took = std::chrono::duration_cast<Milliseconds>(clock.steady() - run.begun);
  if (attempt.reply) {
    attempt.reply->received_unix_ns = unix_nanoseconds(clock.wall());
    attempt.reply->took = run.call.worked + took;
    if (endpoint.price && attempt.reply->usage.known) {
      attempt.reply->cost = cost_of(attempt.reply->usage, *endpoint.price);
    }
    if (&endpoint != run.chain.front()) attempt.reply->fallback = endpoint.alias;
  }
  if (run.wants_json) attempt = held_to_json(std::move(attempt));
  if (attempt.reply) return run.done(Reply(*std::move(attempt.reply)));
  Error error = run.cancelled ? Error{Errc::cancelled, "cancelled"}
                              : attempt.reply.error().with(endpoint.name);
  error.may_have_cost = attempt.may_have_cost;
  if (attempt.may_have_cost) error.took = took;  // else the service was not at work
  if (run.cancelled) return run.done(std::move(error));
  error.retry_at = next_attempt(run, attempt);
  if (!error.retry_at && run.call.attempt > 1) {
    error.message += " (after " + std::to_string(run.call.attempt) + " attempts)";
  }
  run.done(std::move(error));
}

void LlmDriver::State::report_unknown(CommandId id, const Endpoint& endpoint, std::uint32_t count) {
  std::uint64_t& total = passed_over[endpoint.name];
  total += count;
  logger.info("model.passed_over", {{"task", number(id.task)},
                                    {"command", number(id.seq)},
                                    {"model", endpoint.name},
                                    {"count", count},
                                    {"total", total}});
}

/// Nothing: there is none.
std::optional<WallTime> LlmDriver::State::next_attempt(const Run& run,
                                                       const Attempt& failed) const {
  const std::optional<Nanoseconds> pause = pause_after(run, failed);
  if (!pause) return std::nullopt;
  const WallTime next = clock.wall() + *pause;
  return next - run.call.asked < retry.patience ? std::optional(next) : std::nullopt;
}

std::optional<Nanoseconds> LlmDriver::State::pause_after(const Run& run,
                                                         const Attempt& failed) const {
  const SteadyTime now = clock.steady();
  const std::uint32_t attempt = run.call.attempt;
  const bool is_used_up = failed.reply.error().code == Errc::exhausted;
  if (failed.repeat == Repeat::never && !is_used_up) return std::nullopt;
  const std::size_t attempts_max = retry.attempts_max * run.chain.size();
  if (failed.repeat == Repeat::at_most && attempt >= attempts_max) return std::nullopt;
  const Endpoint* const next = choose(run, attempt + 1);
  if (next != nullptr && next != run.endpoint) return Nanoseconds{0};
  if (is_used_up) {
    const auto may_answer_later = [&](const Endpoint* each) {
      return !each->breaker->is_used_up(now);
    };
    if (std::ranges::none_of(run.chain, may_answer_later)) return std::nullopt;
  }
  return std::max<Nanoseconds>(repeat_pause(attempt, retry, failed.retry_after, run.call.key),
                               run.endpoint->breaker->opens_at() - now);
}

Result<void> check_files(const LlmSettings& settings) {
  for (const ProviderSettings& provider : settings.providers) {
    if (provider.type != ProviderType::offline || provider.playbook.empty()) continue;
    const Result<Playbook> playbook = load_playbook(provider.playbook);
    if (!playbook) return playbook.error().with("provider " + provider.name);
  }
  return {};
}

LlmDriver::LlmDriver(boost::asio::any_io_executor loop, HttpClient& http, BlockingPool& pool,
                     const Clock& clock, ProgressSink& progress, Logger& logger,
                     LlmSettings settings)
    : state_(std::make_shared<State>(Catalogue(std::move(loop), http, pool, settings), clock,
                                     progress, logger, settings.retry)) {}

LlmDriver::~LlmDriver() = default;

void LlmDriver::prepare(Call call, Completion<Prepared> prepared) {
  const auto& command = std::get<AwaitLLMResponse>(call.command);
  const Result<Chain> chain = state_->catalogue.chain(command.model);
  if (!chain) return prepared(chain.error());
  prepared(Prepared{.facts = {.object = object_of(*chain), .host = hosts_of(*chain)},
                    .pre_image = std::nullopt,
                    .reserved = reserved_for(*chain, command)});
}

void LlmDriver::perform(Call call, Completion<Reply> done) {
  const auto& command = std::get<AwaitLLMResponse>(call.command);
  const bool wants_json = !command.output_schema.is_null();
  Result<Chain> chain = state_->catalogue.chain(command.model);
  if (!chain) return done(chain.error());
  if (const std::string object = object_of(*chain); object != call.facts.object) {
    return done(Error{Errc::conflict, "the conversation would go to " + object + ", and not to " +
                                          call.facts.object + " as was judged"});
  }
  const CommandId id = call.id;
  const auto [run, is_new] = state_->running.emplace(id, Run{.call = std::move(call),
                                                             .chain = *std::move(chain),
                                                             .wants_json = wants_json,
                                                             .done = std::move(done)});
  TINKERBELL_ASSERT(is_new);
  state_->stand_in_line(run->second);
}

void LlmDriver::cancel(CommandId id) {
  const auto found = state_->running.find(id);
  if (found == state_->running.end()) return;
  Service& service = *found->second.endpoint->service;
  if (service.lane.leave(id)) {
    Run run = std::move(state_->running.extract(found).mapped());
    state_->look_again(service);  // the next one may need less room
    return run.done(Error{Errc::cancelled, "cancelled"});
  }
  found->second.cancelled = true;
  service.provider->cancel(id);
}

std::string LlmDriver::waits_for(CommandId id) const {
  const auto found = state_->running.find(id);
  if (found == state_->running.end()) return {};
  Service& service = *found->second.endpoint->service;
  const SteadyTime now = state_->clock.steady();
  const std::optional<Lane::Place> place = service.lane.place_of(id, now);
  if (!place) return {};
  std::string words =
      "its turn at " + service.name + " (" + std::to_string(place->ahead) + " before it in line";
  if (place->not_before > now) {
    words += ", no call before " + rfc3339(state_->clock.wall() + (place->not_before - now));
  }
  return words + ')';
}

}  // namespace tinkerbell
