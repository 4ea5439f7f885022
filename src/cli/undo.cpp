#include "tinkerbell/protocol/undo.hpp"

#include "cli/print.hpp"
#include "cli/verbs.hpp"
#include "cli/watch.hpp"

namespace tinkerbell::cli {

Result<ExitCode> perform(Session& session, const UndoTask& undo) {
  if (undo.request.dry_run) {
    const Result<Document<protocol::UndoView>> view =
        session.client.look_at_undo(undo.task, undo.request);
    if (!view) return view.error();
    session.out << (session.invocation.json ? pretty_json(view->json) + "\n"
                                            : undo_text(view->view, session.terminal));
    return ExitCode::ok;
  }
  const Result<Document<protocol::TaskView>> task = session.client.undo(undo.task, undo.request);
  if (!task) return task.error();
  return see_to_end(session, *task, is_watched(session) ? RunMode::follow : RunMode::wait);
}

}  // namespace tinkerbell::cli
