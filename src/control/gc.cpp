#include "tinkerbell/protocol/gc.hpp"

#include "control/content_collection.hpp"
#include "control/routes.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/drafts.hpp"

#include <utility>
#include <vector>

namespace tinkerbell::control {

namespace {

protocol::GcView view_of(const Collected& collected, bool dry_run) {
  return {.dry_run = dry_run,
          .tasks = collected.tasks,
          .records = collected.records,
          .blobs = collected.blobs,
          .bytes = collected.bytes};
}

/// What the tasks that are gone needed of the contents of files.
void collect_theirs(Context& context, const Request& request, const Collected& collected,
                    protocol::GcView view) {
  collect_contents(context, {.gone = collected.gone, .dry_run = view.dry_run},
                   Completion<ContentStore::Usage>(
                       [request, view](const Result<ContentStore::Usage>& removed) mutable {
                         view.contents = removed ? removed->contents : 0;
                         view.bytes += removed ? removed->bytes : 0;
                         if (!removed) view.note = removed.error().message;
                         request.answer(view);
                       }));
}

/// A draft waits for a person, who wants to read how it came about.
void collect(Context& context, const Request& request, const protocol::GcRequest& wanted,
             const std::vector<TaskId>& drafts) {
  const Milliseconds age = wanted.older_than.value_or(context.parts.facts.keep_ended);
  context.parts.journal.collect(
      {.ended_before = context.parts.clock.wall() - age,
       .dry_run = wanted.dry_run,
       .keep = {drafts.begin(), drafts.end()}},
      Completion<Collected>([&context, request, dry_run = wanted.dry_run,
                             drafts = drafts.size()](const Result<Collected>& collected) {
        if (!collected) return request.fail(collected.error());
        protocol::GcView view = view_of(*collected, dry_run);
        view.drafts = drafts;
        collect_theirs(context, request, *collected, std::move(view));
      }));
}

}  // namespace

/// Also on a full disk: it makes room. So it gets what was kept back for such.
void post_gc(Context& context, Request request) {
  const Result<protocol::GcRequest> wanted = request.body<protocol::GcRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  Journal& journal = context.parts.journal;
  if (journal.storage_full() && !wanted->dry_run) journal.use_reserve();
  context.parts.pool.run<std::vector<TaskId>>(
      [drafts = context.parts.drafts] { return drafts.all(); },
      Completion<std::vector<TaskId>>(
          [&context, request, wanted = *wanted](const Result<std::vector<TaskId>>& drafts) {
            drafts ? collect(context, request, wanted, *drafts) : request.fail(drafts.error());
          }));
}

}  // namespace tinkerbell::control
