#include "tinkerbell/protocol/verify.hpp"

#include "control/routes.hpp"

namespace tinkerbell::control {

namespace {

protocol::VerifyView view_of(const Verified& verified) {
  protocol::VerifyView view{
      .good = !verified.damage,
      .records = verified.records,
      .blobs = verified.blobs,
      .sealed_from = number(verified.sealed_from),
      .newest = {.lsn = number(verified.newest.lsn), .seal = verified.newest.seal.hex()},
      .anchored = number(verified.anchor.lsn),
      .notes = verified.notes,
      .damage = {}};
  if (const auto& damage = verified.damage) {
    view.damage = protocol::DamageView{.lsn = number(damage->lsn),
                                       .task = {},
                                       .command = number(damage->seq),
                                       .what = damage->what};
    if (damage->task != kNoTask) view.damage->task = number(damage->task);
  }
  return view;
}

}  // namespace

void post_verify(Context& context, Request request) {
  const Result<protocol::VerifyRequest> asked = request.body<protocol::VerifyRequest>();
  if (!asked) return request.fail(asked.error());
  if (const Result<void> fits = check(*asked); !fits) return request.fail(fits.error());
  Verification wanted{.task = TaskId{asked->task.value_or(0)}};
  if (asked->anchor) {
    wanted.anchor = {.lsn = Lsn{asked->anchor->lsn}, .seal = Sha256::from_hex(asked->anchor->seal)};
  }
  context.parts.journal.verify(wanted,
                               Completion<Verified>([request](const Result<Verified>& verified) {
                                 if (!verified) return request.fail(verified.error());
                                 request.answer(view_of(*verified));
                               }));
}

}  // namespace tinkerbell::control
