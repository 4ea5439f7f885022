#include "tinkerbell/protocol/gc.hpp"

#include "control/routes.hpp"

namespace tinkerbell::control {

/// Also on a full disk: it makes room. So it gets what was kept back for such.
void post_gc(Context& context, Request request) {
  const Result<protocol::GcRequest> wanted = request.body<protocol::GcRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  Journal& journal = context.parts.journal;
  if (journal.storage_full() && !wanted->dry_run) journal.use_reserve();
  const Milliseconds age = wanted->older_than.value_or(context.parts.facts.keep_ended);
  journal.collect({.ended_before = context.parts.clock.wall() - age, .dry_run = wanted->dry_run},
                  Completion<Collected>(
                      [request, dry_run = wanted->dry_run](const Result<Collected>& collected) {
                        if (!collected) return request.fail(collected.error());
                        request.answer(protocol::GcView{.dry_run = dry_run,
                                                        .tasks = collected->tasks,
                                                        .records = collected->records,
                                                        .blobs = collected->blobs,
                                                        .bytes = collected->bytes});
                      }));
}

}  // namespace tinkerbell::control
