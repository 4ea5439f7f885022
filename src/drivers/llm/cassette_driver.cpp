#include "tinkerbell/drivers/llm/cassette_driver.hpp"

#include <utility>

namespace tinkerbell {

namespace {

Result<const Exchange*> exchange_of(const Call& call) {
  return exchange_for(*call.cassette, call.id.seq, std::get<AwaitLLMResponse>(call.command));
}

}  // namespace

void CassetteDriver::prepare(Call call, Completion<Prepared> prepared) {
  if (!call.cassette) return models_.prepare(std::move(call), std::move(prepared));
  const Result<const Exchange*> found = exchange_of(call);
  if (!found) return prepared(found.error());
  prepared(Prepared{.facts = {.object = "nobody (cassette)"}, .pre_image = std::nullopt});
}

void CassetteDriver::perform(Call call, Completion<Reply> done) {
  if (!call.cassette) return models_.perform(std::move(call), std::move(done));
  const Result<const Exchange*> found = exchange_of(call);
  if (!found) return done(found.error());
  const Exchange& exchange = **found;
  if (!exchange.reply) return done(Error{exchange.error->code, exchange.error->message});
  done(played(call.id, *exchange.reply));
}

/// The time is that of this run: it is an agent's clock.
Reply CassetteDriver::played(CommandId id, AwaitLLMResponse::Reply reply) {
  if (!reply.text.empty()) progress_.progress(id, ProgressKind::model_text, reply.text);
  reply.received_unix_ns = unix_nanoseconds(clock_.wall());
  return reply;
}

}  // namespace tinkerbell
