#pragma once

#include "support/dice.hpp"
#include "support/simulated_outside.hpp"
#include "support/trace_hash.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A driver for all families. It does nothing by itself: act() takes any one of the commands that
/// it has a step further, in whatever order the dice say. It fails now and then, and may answer
/// long after it was asked to stop.
class SimulatedDriver final : public Driver {
 public:
  struct World {
    SimulatedOutside& outside;
    Findings& findings;
    const JournalAudit& audit;
    const Clock& clock;
    Dice& dice;
    TraceHash& trace;
  };

  explicit SimulatedDriver(const World& world) : world_(world) {}

  void prepare(Call call, Completion<Prepared> prepared) override {
    world_.findings.expect(call.facts == Facts{}, "prepare was given facts", call.id);
    if (world_.dice.chance(4)) {
      prepared(look(call));
    } else {
      jobs_.push_back({.stage = Stage::prepares,
                       .call = std::move(call),
                       .prepared = std::move(prepared),
                       .done = {}});
    }
  }

  void perform(Call call, Completion<Reply> done) override {
    add(Stage::begins, std::move(call), std::move(done));
  }

  void recover(Call call, Completion<Reply> done) override {
    const JournalAudit::Command* const command = world_.audit.find(call.id);
    world_.findings.expect(command != nullptr && command->attempts == call.attempt,
                           "asked to recover another attempt than the newest", call.id);
    add(Stage::recovers, std::move(call), std::move(done));
  }

  void settled(const std::string& key) override { world_.outside.forget(key); }

  void cancel(CommandId id) override {
    for (Job& job : jobs_) {
      if (job.call.id != id || job.stage == Stage::prepares) continue;
      job.cancelled = true;
      if (SimulatedOutside::Run* const run = world_.outside.find(job.call)) {
        run->ends = std::min(run->ends, world_.clock.steady() + some_time());
      }
    }
  }

  /// False: there was nothing to do.
  bool act() {
    if (jobs_.empty()) return false;
    const std::size_t which = world_.dice.pick(jobs_.size());
    Job job = std::move(jobs_[which]);
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(which));
    world_.trace.mix(number(job.call.id.task));
    world_.trace.mix(static_cast<std::uint64_t>(job.stage));
    step(std::move(job));
    return true;
  }

 private:
  enum class Stage : std::uint8_t {
    prepares,
    begins,    ///< No effect yet.
    performs,  ///< The effect is there, or under way.
    recovers,
  };

  struct Job {
    Stage stage = Stage::prepares;
    Call call;
    Completion<Prepared> prepared;
    Completion<Reply> done;
    bool cancelled = false;
    Result<Reply> answer = Error{Errc::internal, "none"};
  };

  void add(Stage stage, Call call, Completion<Reply> done) {
    jobs_.push_back(
        {.stage = stage, .call = std::move(call), .prepared = {}, .done = std::move(done)});
  }

  void step(Job job) {
    switch (job.stage) {
      case Stage::prepares:
        job.prepared(look(job.call));
        return;
      case Stage::begins:
        begin(std::move(job));
        return;
      case Stage::performs:
        finish(std::move(job));
        return;
      case Stage::recovers:
        find_out(std::move(job));
        return;
    }
  }

  Nanoseconds some_time() { return Milliseconds(world_.dice.pick(30)); }

  // ---- prepare ----

  [[nodiscard]] Result<Prepared> look(const Call& call) {
    if (world_.dice.chance(25)) return Error{Errc::not_found, "there is no such thing"};
    return facts_of(call);
  }

  [[nodiscard]] Prepared facts_of(const Call& call) const {
    Prepared found;
    std::visit(Overloaded{
                   [&](const AwaitFileWrite& write) { change(found, write.path, write.content); },
                   [&](const AwaitFileEdit& edit) {
                     change(found, edit.path, world_.outside.content_of(edit.path) + edit.new_text);
                   },
                   [&](const AwaitProcess& program) {
                     found.facts.object = "/bin/" + program.argv.front();
                     found.facts.object_sha256 = std::to_string(world_.outside.version());
                   },
                   [&](const AwaitLLMResponse&) { found.reserved = reserved_for(call); },
                   [&](const auto& /*look*/) {},
               },
               call.command);
    return found;
  }

  /// Up to eight units for a call, as many tokens in, and nine out.
  static Reservation reserved_for(const Call& call) {
    const std::uint64_t units = 1 + number(call.id.seq) % 8;
    return {.model = "model",
            .tokens_in = units,
            .tokens_out = 9,
            .cost = SimulatedOutside::kUnit * units};
  }

  void change(Prepared& found, const std::string& path, const std::string& content) const {
    const std::string before = world_.outside.content_of(path);
    const bool existed = world_.outside.has_file(path);
    found.facts.object = path;
    found.facts.object_sha256 = existed ? sha256(before).hex() : "";
    found.facts.result_sha256 = sha256(content).hex();
    found.pre_image = PreImage{.path = path, .existed = existed, .content = before};
  }

  // ---- perform ----

  void begin(Job job) {
    if (job.cancelled) return job.done(Error{Errc::cancelled, "stopped before it began"});
    if (world_.dice.chance(12)) return job.done(failure());
    if (facts_of(job.call).facts != job.call.facts) {
      return job.done(Error{Errc::conflict, "it is not what it was"});
    }
    job.answer = take_effect(job.call);
    job.stage = Stage::performs;
    jobs_.push_back(std::move(job));
  }

  /// Half of them pass.
  [[nodiscard]] Error failure() {
    Error failure{Errc::unavailable, "it failed"};
    failure.may_have_cost = world_.dice.chance(2);
    if (world_.dice.chance(2)) failure.retry_at = world_.clock.wall() + some_time();
    return failure;
  }

  [[nodiscard]] Result<Reply> take_effect(const Call& call) {
    return std::visit(Overloaded{
                          [&](const AwaitFileRead& read) -> Reply {
                            return AwaitFileRead::Reply{world_.outside.content_of(read.path)};
                          },
                          [&](const AwaitFileList&) -> Reply { return AwaitFileList::Reply{}; },
                          [&](const AwaitFileSearch&) -> Reply { return AwaitFileSearch::Reply{}; },
                          [&](const AwaitFileWrite& write) -> Reply {
                            world_.outside.change_file(call, write.content);
                            return AwaitFileWrite::Reply{.bytes = write.content.size()};
                          },
                          [&](const AwaitFileEdit& edit) -> Reply {
                            world_.outside.change_file(
                                call, world_.outside.content_of(edit.path) + edit.new_text);
                            return AwaitFileEdit::Reply{.line = 1};
                          },
                          [&](const AwaitProcess&) -> Reply {
                            world_.outside.start_program(call, world_.clock.steady() + some_time());
                            return program_reply(call);
                          },
                          [&](const AwaitLLMResponse&) -> Reply { return model_reply(call); },
                          [&](const auto& command) -> Reply {
                            world_.findings.expect(false, "not a driver's command", call.id);
                            return typename std::decay_t<decltype(command)>::Reply{};
                          },
                      },
                      call.command);
  }

  /// It takes no more than was reckoned; one of four services does not say how much.
  [[nodiscard]] Reply model_reply(const Call& call) {
    const Reservation most = reserved_for(call);
    const std::uint64_t units = world_.dice.pick(most.tokens_in + 1);
    world_.outside.ask_model(call, SimulatedOutside::kUnit * units);
    AwaitLLMResponse::Reply reply{.text = "answer " + std::to_string(world_.dice.pick(9)),
                                  .model = "model"};
    if (world_.dice.chance(4)) return reply;
    reply.usage = {.input = units, .output = 1, .known = true};
    reply.cost = SimulatedOutside::kUnit * units;
    return reply;
  }

  [[nodiscard]] static Reply program_reply(const Call& call) {
    return AwaitProcess::Reply{.output = "run " + std::to_string(call.attempt)};
  }

  void finish(Job job) {
    if (std::holds_alternative<AwaitProcess>(job.call.command)) return collect(std::move(job));
    if (job.cancelled && world_.dice.chance(2)) {
      Error stopped{Errc::cancelled, "stopped, but it had happened"};
      stopped.may_have_cost = true;
      job.answer = std::move(stopped);
    }
    job.done(std::move(job.answer));
  }

  /// As the real driver does: whoever attaches to a run waits for its end.
  void collect(Job job) {
    const SimulatedOutside::Run* const run = world_.outside.find(job.call);
    if (run == nullptr) {
      job.done(Error{Errc::not_started, "no run directory"});
    } else if (run->lost) {
      job.done(Error{Errc::unknown_outcome, "the machine went down"});
    } else if (run->ends > world_.clock.steady()) {
      jobs_.push_back(std::move(job));
    } else if (job.cancelled && world_.dice.chance(2)) {
      job.done(Error{Errc::cancelled, "stopped"});
    } else {
      job.done(program_reply(job.call));
    }
  }

  // ---- recover ----

  void find_out(Job job) {
    switch (effect_of(job.call.command)) {
      case EffectClass::pure:
        return job.done(Error{Errc::not_started, "reading changes nothing"});
      case EffectClass::local:
        return job.done(compared(job.call));
      case EffectClass::probeable:
        return collect(std::move(job));
      case EffectClass::idempotent:
      case EffectClass::once:
      case EffectClass::internal:
        break;
    }
    world_.findings.expect(false, "no driver can recover this", job.call.id);
  }

  [[nodiscard]] Result<Reply> compared(const Call& call) const {
    const std::string& path = call.facts.object;
    const std::string now =
        world_.outside.has_file(path) ? sha256(world_.outside.content_of(path)).hex() : "";
    if (now == call.facts.object_sha256) return Error{Errc::not_started, "the file is as it was"};
    if (now != call.facts.result_sha256) {
      return Error{Errc::unknown_outcome, "the file is another one"};
    }
    if (const auto* const write = std::get_if<AwaitFileWrite>(&call.command)) {
      return Reply(AwaitFileWrite::Reply{.bytes = write->content.size()});
    }
    return Reply(AwaitFileEdit::Reply{.line = 1});
  }

  World world_;
  std::vector<Job> jobs_;
};

}  // namespace tinkerbell
