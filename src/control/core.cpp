#include "control/views.hpp"

#include "tinkerbell/debug/core_builder.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <memory>
#include <set>
#include <vector>

namespace tinkerbell::control {

namespace {

/// A core on its way: the family is read task by task, and put together on the pool.
struct CoreTaking {
  Context& context;
  Request request;
  CoreBuilder builder;
  std::vector<TaskId> members;  ///< That are known of so far.
  std::set<TaskId> known;       ///< The same.
  std::size_t taken = 0;        ///< So many of them.
};

void take_next(std::shared_ptr<CoreTaking> taking);

void finish(const std::shared_ptr<CoreTaking>& taking) {
  taking->context.parts.pool.run<std::string>(
      [taking] {
        const ContentStore& contents = taking->context.parts.contents;
        return taking->builder.finish([&contents](const Sha256& content, std::size_t bytes_max) {
          return contents.read(content, bytes_max);
        });
      },
      Completion<std::string>([taking](Result<std::string> file) {
        file ? taking->request.answer_bytes(*std::move(file)) : taking->request.fail(file.error());
      }));
}

void add(const std::shared_ptr<CoreTaking>& taking, RecordedTask recorded) {
  taking->context.parts.pool.run<std::vector<TaskId>>(
      [taking, recorded = std::move(recorded)] { return taking->builder.add(recorded); },
      Completion<std::vector<TaskId>>([taking](const Result<std::vector<TaskId>>& family) {
        if (!family) return taking->request.fail(family.error());
        for (const TaskId each : *family) {
          if (taking->known.insert(each).second) taking->members.push_back(each);
        }
        take_next(taking);
      }));
}

void take_next(std::shared_ptr<CoreTaking> taking) {
  if (taking->taken == taking->members.size()) return finish(taking);
  const TaskId task = taking->members[taking->taken++];
  read_recorded(taking->context, task,
                Completion<RecordedTask>([taking, task](Result<RecordedTask> recorded) {
                  if (recorded) return add(taking, *std::move(recorded));
                  if (taking->taken == 1) return taking->request.fail(recorded.error());
                  taking->builder.leave_out(task, recorded.error());
                  take_next(taking);
                }));
}

}  // namespace

void get_core(Context& context, Request request) {
  const TaskId task{request.id()};
  take_next(std::make_shared<CoreTaking>(
      CoreTaking{.context = context,
                 .request = std::move(request),
                 .builder = CoreBuilder(context.parts.facts.version, context.parts.clock.wall(),
                                        context.parts.masker),
                 .members = {task},
                 .known = {task}}));
}

}  // namespace tinkerbell::control
