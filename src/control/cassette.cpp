#include "tinkerbell/protocol/cassette.hpp"

#include "control/routes.hpp"

#include "tinkerbell/command/cassette.hpp"
#include "tinkerbell/io/blocking_pool.hpp"

#include <algorithm>
#include <memory>

namespace tinkerbell::control {

namespace {

/// What the records of one task say.
struct Recorded {
  Cassette cassette;
  std::vector<TaskId> children;
};

/// An attempt was made, and this is what the task got of it. That a person broke it off is no
/// answer.
void add_exchange(const Record& result, const Record& intent, const TaskCommand& command,
                  const Result<Reply>& outcome, Recorded& recorded) {
  const auto& question = std::get<AwaitLLMResponse>(command);
  if (result.attempt == 0) return;
  if (!outcome && outcome.error().code == Errc::cancelled) return;
  Exchange exchange{.step = result.seq,
                    .fingerprint = intent.fingerprint.hex(),
                    .model = question.model,
                    .tokens_max = question.tokens_max};
  if (outcome) {
    exchange.reply = std::get<AwaitLLMResponse::Reply>(*outcome);
  } else {
    exchange.error = RecordedError{outcome.error().code, outcome.error().message};
  }
  recorded.cassette.exchanges.push_back(std::move(exchange));
}

Result<void> read_result(const Record& result, const Record& intent, Recorded& recorded) {
  const Result<IntentPayload> asked = from_canonical<IntentPayload>(intent.payload);
  if (!asked) return asked.error();
  if (asked->command != AwaitLLMResponse::kName && asked->command != Spawn::kName) return {};
  const Result<TaskCommand> command =
      command_from_canonical(asked->command, asked->arguments.bytes);
  if (!command) return command.error();
  const Result<Result<Reply>> outcome = outcome_from_canonical(*command, result.payload);
  if (!outcome) return outcome.error();
  if (asked->command == AwaitLLMResponse::kName) {
    add_exchange(result, intent, *command, *outcome, recorded);
  } else if (*outcome) {
    recorded.children.push_back(std::get<Spawn::Reply>(**outcome).task);
  }
  return {};
}

Result<Recorded> recorded_in(const std::vector<Record>& records) {
  Recorded recorded;
  const Record* intent = nullptr;  // of the newest command
  for (const Record& record : records) {
    if (record.kind == RecordKind::task) {
      const Result<TaskPayload> task = from_canonical<TaskPayload>(record.payload);
      if (!task) return task.error();
      recorded.cassette.kind = task->kind;
      recorded.cassette.title = task->title;
    } else if (record.kind == RecordKind::intent) {
      intent = &record;
    } else if (record.kind == RecordKind::result && intent != nullptr) {
      if (Result<void> read = read_result(record, *intent, recorded); !read) return read.error();
    }
  }
  return recorded;
}

/// A family on its way into a cassette: the first task, then level by level those that came from
/// it.
struct Recording {
  struct Member {
    TaskId task = kNoTask;
    std::size_t parent = 0;
    Cassette cassette;
  };

  Context& context;
  Request request;
  std::vector<Member> members;
  std::size_t read = 0;  ///< So many of them.
};

/// Each becomes a part of its parent, the last first.
Result<std::string> document_of(std::vector<Recording::Member> members) {
  for (std::size_t i = members.size() - 1; i > 0; --i) {
    std::ranges::reverse(members[i].cassette.children);
    members[members[i].parent].cassette.children.push_back(std::move(members[i].cassette));
  }
  std::ranges::reverse(members[0].cassette.children);
  const Cassette& whole = members[0].cassette;
  return Request::body_of(
      protocol::CassetteView{.exchanges = count_exchanges(whole), .task = to_json_value(whole)});
}

void read_next(std::shared_ptr<Recording> recording);

void finish(const std::shared_ptr<Recording>& recording) {
  recording->context.parts.pool.run<std::string>(
      [members = std::move(recording->members)]() mutable {
        return document_of(std::move(members));
      },
      Completion<std::string>([recording](Result<std::string> body) {
        body ? recording->request.answer_body(*std::move(body))
             : recording->request.fail(body.error());
      }));
}

void take(const std::shared_ptr<Recording>& recording, Result<Recorded> recorded) {
  if (!recorded) return recording->request.fail(recorded.error());
  const std::size_t parent = recording->read++;
  recording->members[parent].cassette = std::move(recorded->cassette);
  for (const TaskId child : recorded->children)
    recording->members.push_back({.task = child, .parent = parent, .cassette = {}});
  read_next(recording);
}

void read_next(std::shared_ptr<Recording> recording) {
  if (recording->read == recording->members.size()) return finish(recording);
  const TaskId task = recording->members[recording->read].task;
  recording->context.parts.journal.read_records(
      task, Completion<std::vector<Record>>([recording](Result<std::vector<Record>> records) {
        if (!records) return recording->request.fail(records.error());
        recording->context.parts.pool.run<Recorded>(
            [records = *std::move(records)] { return recorded_in(records); },
            Completion<Recorded>(
                [recording](Result<Recorded> recorded) { take(recording, std::move(recorded)); }));
      }));
}

}  // namespace

void get_cassette(Context& context, Request request) {
  const TaskId task{request.id()};
  read_next(std::make_shared<Recording>(Recording{.context = context,
                                                  .request = std::move(request),
                                                  .members = {{.task = task, .cassette = {}}}}));
}

}  // namespace tinkerbell::control
