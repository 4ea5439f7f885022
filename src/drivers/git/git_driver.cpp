#include "tinkerbell/drivers/git/git_driver.hpp"

#include "drivers/git/git_program.hpp"
#include "drivers/git/git_replies.hpp"
#include "drivers/git/git_repository.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/random.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/drivers/process/process_driver.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWordsShown = 1'000;
constexpr std::uint32_t kPreviewEntriesMax = 200;

/// The state of the program among the facts' files: what stands before it is ProcessDriver's.
constexpr std::string_view kProgramFact = "the program";

bool only_looks(const TaskCommand& command) {
  return effect_of(command) == EffectClass::pure;
}

/// A program, and how it is run.
struct GitRun {
  Call call;
  RunManner manner;
};

/// What a look at the repository found.
struct Look {
  GitRun run;
  std::vector<FileFact> files;
  std::string object;  ///< Of a push: the other repository.
};

/// Errors: those of git_program.
Result<GitRun> run_of(Call call, const std::string& remote) {
  const bool writes =
      !only_looks(call.command) && !std::holds_alternative<AwaitGitPush>(call.command);
  RunManner manner{.access = {.files = writes ? FileAccess::write : FileAccess::read},
                   .env = git_environment(call.workspace),
                   .apart = true};
  if (!remote.empty()) manner.access.repositories.emplace_back(remote);
  Result<AwaitProcess> program = git_program(call.command, call.id, remote);
  if (!program) return program.error();
  call.command = *std::move(program);
  return GitRun{std::move(call), std::move(manner)};
}

/// What must not be written by whatever runs in the other repository.
Result<void> check_place(const fs::path& place, const Call& call, const ProcessSettings& settings) {
  std::vector<fs::path> ours = settings.hidden;
  ours.insert(ours.end(), settings.read_only.begin(), settings.read_only.end());
  ours.push_back(settings.runs_directory);
  ours.push_back(settings.drafts.directory());
  ours.emplace_back(call.workspace);
  for (const fs::path& each : ours) {
    const fs::path own = without_links(each);
    if (!is_within(place, own) && !is_within(own, place)) continue;
    return Error{Errc::denied, "the repository at " + visible_line(place.string()) +
                                   " is not apart from the workspace or the daemon's own files"};
  }
  return {};
}

Result<Look> look_at(Call call, const GitSettings& settings) {
  if (settings.process.sandbox == ProcessSandbox::none) {
    return Error{Errc::unsupported,
                 "commands of git run only in a sandbox, and the config has none: run git as a "
                 "program instead"};
  }
  const Result<std::shared_ptr<Workspace>> workspace =
      settings.process.drafts.open(call.workspace, call.draft);
  if (!workspace) return workspace.error();
  Result<GitRepository> repository = look_at_repository(**workspace);
  if (!repository) return repository.error();
  if (Result<void> fits = check_settings(call.command, *repository); !fits) return fits.error();
  Look look;
  if (const auto* const push = std::get_if<AwaitGitPush>(&call.command)) {
    const Result<fs::path> place = place_of_remote(*repository, push->remote, call.workspace);
    if (!place) return place.error();
    if (Result<void> apart = check_place(*place, call, settings.process); !apart) {
      return apart.error();
    }
    look.object = place->string();
  }
  look.files = std::move(repository->files);
  const std::vector<FileFact> state = state_for(call.command, **workspace);
  look.files.insert(look.files.end(), state.begin(), state.end());
  Result<GitRun> run = run_of(std::move(call), look.object);
  if (!run) return run.error();
  look.run = *std::move(run);
  return look;
}

Facts with_ours(Facts facts, const Look& look, std::string preview) {
  facts.files.push_back({std::exchange(facts.object, look.object), std::string(kProgramFact)});
  facts.files.insert(facts.files.end(), look.files.begin(), look.files.end());
  facts.diff = std::move(preview);
  return facts;
}

/// The facts of the program alone; `ours`: what stood behind them.
Facts without_ours(Facts facts, std::vector<FileFact>& ours) {
  const auto program = std::ranges::find(facts.files, kProgramFact, &FileFact::state);
  if (program != facts.files.end()) {
    facts.object = program->path;
    ours.assign(program + 1, facts.files.end());
    facts.files.erase(program, facts.files.end());
  }
  facts.diff.clear();
  return facts;
}

// ---- replies ----

Error failed(const AwaitProcess::Reply& program) {
  const std::string words = program.note.empty() ? program.output : program.note;
  std::string_view said = words;
  while (said.ends_with('\n'))
    said.remove_suffix(1);
  return {Errc::invalid, "git ended with " + std::to_string(program.exit_code) + ": " +
                             shortened(visible_text(valid_utf8(said)), kWordsShown)};
}

/// Nothing is wrong then: git says so on stdout, whatever it complains of besides; if something is
/// wrong, it says nothing there.
bool had_nothing_to_commit(const AwaitProcess::Reply& program) {
  return program.exit_code == 1 && !program.output.empty();
}

Result<Reply> meaning_of(const AwaitGitStatus& command, const AwaitProcess::Reply& program,
                         const GitSettings& /*settings*/, TaskId /*task*/) {
  Result<AwaitGitStatus::Reply> reply = status_in(program.output, command.entries_max);
  if (!reply) return reply.error();
  return Reply(*std::move(reply));
}

Result<Reply> meaning_of(const AwaitGitDiff& command, const AwaitProcess::Reply& program,
                         const GitSettings& settings, TaskId /*task*/) {
  Result<AwaitGitDiff::Reply> reply = diff_in(program.output, command.bytes_max, settings.may_read);
  if (!reply) return reply.error();
  return Reply(*std::move(reply));
}

Result<Reply> meaning_of(const AwaitGitLog& command, const AwaitProcess::Reply& program,
                         const GitSettings& /*settings*/, TaskId /*task*/) {
  Result<AwaitGitLog::Reply> reply = log_in(program.output, command.commits_max);
  if (!reply) return reply.error();
  return Reply(*std::move(reply));
}

Result<Reply> meaning_of(const AwaitGitAdd& /*command*/, const AwaitProcess::Reply& /*program*/,
                         const GitSettings& /*settings*/, TaskId /*task*/) {
  return Reply(AwaitGitAdd::Reply{});
}

/// Where a probe says that it took place, what git wrote is lost, and the probe names the commit.
Result<Reply> meaning_of(const AwaitGitCommit& /*command*/, const AwaitProcess::Reply& program,
                         const GitSettings& /*settings*/, TaskId /*task*/) {
  if (had_nothing_to_commit(program)) return Reply(AwaitGitCommit::Reply{});
  std::string commit = commit_in(program.output.empty() ? program.note : program.output);
  if (commit.empty()) return Error{Errc::protocol, "git does not say what it committed"};
  return Reply(AwaitGitCommit::Reply{.commit = std::move(commit)});
}

Result<Reply> meaning_of(const AwaitGitBranch& command, const AwaitProcess::Reply& program,
                         const GitSettings& /*settings*/, TaskId task) {
  AwaitGitBranch::Reply reply;
  if (command.action == GitBranchAction::list) {
    Result<std::vector<GitBranch>> branches = branches_in(program.output);
    if (!branches) return branches.error();
    reply.branches = *std::move(branches);
  } else if (command.action != GitBranchAction::rewind) {
    reply.name = branch_of(command, task);
  }
  return Reply(std::move(reply));
}

Result<Reply> meaning_of(const AwaitGitPush& /*command*/, const AwaitProcess::Reply& program,
                         const GitSettings& /*settings*/, TaskId /*task*/) {
  // Of a probe that says that it took place there is nothing else.
  const Result<bool> moved = program.output.empty() ? Result<bool>(true) : push_in(program.output);
  if (!moved) return moved.error();
  return Reply(AwaitGitPush::Reply{.moved = *moved});
}

template <class C>
bool may_end_so(const AwaitProcess::Reply& program) {
  if (program.exit_code == 0) return true;
  if constexpr (std::same_as<C, AwaitGitCommit>) return had_nothing_to_commit(program);
  return std::same_as<C, AwaitGitPush> && program.exit_code == 1 && program.output.contains('\t');
}

/// What the program wrote, as the reply to the command; what it changed and said besides is in
/// that, or with the error.
Result<Reply> reply_to(const TaskCommand& command, TaskId task, AwaitProcess::Reply program,
                       const GitSettings& settings, const std::string& object) {
  Result<Reply> reply = std::visit(
      [&]<class C>(const C& each) -> Result<Reply> {
        if (program.timed_out) return Error{Errc::timed_out, "git did not end in time"};
        if (program.output_bytes > kGitOutputBytesMax) {
          return Error{Errc::too_large, "git wrote " + std::to_string(program.output_bytes) +
                                            " bytes: ask for less"};
        }
        if (!may_end_so<C>(program)) return failed(program);
        if constexpr (GitCommand<C>) {
          return meaning_of(each, program, settings, task);
        } else {
          return Error{Errc::internal, "not a command of git"};
        }
      },
      command);
  if (!reply) {
    Error error = reply.error();
    if (!program.changes.empty()) {
      error.rejected =
          std::make_shared<const Reply>(AwaitProcess::Reply{.changes = std::move(program.changes)});
    }
    return error;
  }
  std::visit(
      [&]<class R>(R& each) {
        if constexpr (requires { each.note; }) each.note = std::move(program.note);
        if constexpr (requires { each.changes; }) each.changes = std::move(program.changes);
        if constexpr (std::same_as<R, AwaitGitPush::Reply>) each.to = object;
      },
      *reply);
  return reply;
}

/// "docs" of "./docs/".
fs::path plain(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

/// What a person is asked about where there is no draft: what is staged, or what would be.
std::string preview_of(const TaskCommand& command, const AwaitGitStatus::Reply& status) {
  const auto* const add = std::get_if<AwaitGitAdd>(&command);
  const auto is_meant = [&](const GitStatusEntry& entry) {
    if (add == nullptr) return entry.staged != GitChange::none;
    if (entry.tracked && entry.unstaged == GitChange::none) return false;
    return add->paths.empty() || std::ranges::any_of(add->paths, [&](const std::string& path) {
             const fs::path named = plain(path);
             const fs::path changed = plain(entry.path);
             return named == "." || is_within(changed, named) || is_within(named, changed);
           });
  };
  std::string lines;
  for (const GitStatusEntry& entry : status.entries) {
    if (!is_meant(entry)) continue;
    const GitChange change = add == nullptr ? entry.staged : entry.unstaged;
    lines += std::string(entry.tracked ? name_of(change) : "new") + ' ' + visible_line(entry.path) +
             '\n';
  }
  if (!status.complete) lines += "and more\n";
  return lines.empty() ? "nothing\n" : lines;
}

bool wants_preview(const Call& call) {
  return call.draft == kNoTask && (std::holds_alternative<AwaitGitAdd>(call.command) ||
                                   std::holds_alternative<AwaitGitCommit>(call.command));
}

}  // namespace

class GitDriver::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(BlockingPool& pool, ProcessDriver& programs, GitSettings settings)
      : pool_(pool),
        programs_(programs),
        settings_(std::make_shared<const GitSettings>(std::move(settings))) {}

  void prepare(Call call, Completion<Prepared> prepared) {
    if (!wants_preview(call)) return prepare_with(std::move(call), {}, std::move(prepared));
    Call status = call;
    status.command = AwaitGitStatus{.entries_max = kPreviewEntriesMax};
    look(status, [this, call = std::move(call),
                  prepared = std::move(prepared)](Result<Look> found) mutable {
      if (!found) return prepared(found.error());
      auto then = [this, call = std::move(call),
                   prepared = std::move(prepared)](Result<Reply> told) mutable {
        if (!told) return prepared(told.error());
        std::string preview = preview_of(call.command, std::get<AwaitGitStatus::Reply>(*told));
        prepare_with(std::move(call), std::move(preview), std::move(prepared));
      };
      run_unasked(*std::move(found), AwaitGitStatus{.entries_max = kPreviewEntriesMax},
                  Completion<Reply>(std::move(then)));
    });
  }

  void perform(Call call, Completion<Reply> done) {
    const std::uint64_t at = ++performed_;
    under_way_.emplace(at, UnderWay{.id = call.id});
    look(call, [this, at, call, done = std::move(done)](Result<Look> found) mutable {
      if (!found) return end(at, found.error(), done);
      if (under_way_.at(at).cancelled) {
        return end(at, Error{Errc::cancelled, "git was not started"}, done);
      }
      std::vector<FileFact> ours;
      found->run.call.facts = without_ours(call.facts, ours);
      if (ours != found->files || call.facts.object != found->object) {
        return end(at, Error{Errc::conflict, "the repository is not as it was when this was asked"},
                   done);
      }
      run(at, *std::move(found), std::move(call), std::move(done));
    });
  }

  void recover(Call call, Completion<Reply> done) {
    const TaskCommand command = call.command;
    const TaskId task = call.id.task;
    const std::string object = call.facts.object;
    std::vector<FileFact> ours;
    call.facts = without_ours(std::move(call.facts), ours);
    Result<GitRun> run = run_of(std::move(call), object);
    if (!run) return done(Error{Errc::unknown_outcome, run.error().message});
    auto then = [this, command, task, object,
                 done = std::move(done)](Result<Reply> outcome) mutable {
      // What was staged once is staged again without harm.
      const bool again = !outcome && outcome.error().code == Errc::unknown_outcome &&
                         std::holds_alternative<AwaitGitAdd>(command);
      if (again) return done(Error{Errc::not_started, outcome.error().message});
      tell(command, task, object, std::move(outcome), std::move(done));
    };
    programs_.recover(run->call, run->manner, with(std::move(then)));
  }

  void cancel(CommandId id) {
    std::vector<CommandId> programs{id};
    for (auto& [at, each] : under_way_) {
      if (each.id != id) continue;
      each.cancelled = true;
      if (each.unasked) programs.push_back(*each.unasked);
    }
    for (const CommandId program : programs)
      programs_.cancel(program);
  }

  void settled(const std::string& key) { programs_.settled(key); }

 private:
  /// Several commands that only look may have one id.
  struct UnderWay {
    CommandId id;
    bool cancelled = false;
    std::optional<CommandId> unasked = {};  ///< What its program goes by.
  };

  template <class Next>
  Completion<Reply> with(Next next) {
    return Completion<Reply>(
        [self = weak_from_this(), next = std::move(next)](Result<Reply> result) mutable {
          if (const auto impl = self.lock()) next(std::move(result));
        });
  }

  template <class Next>
  void look(Call call, Next next) {
    pool_.run<Look>(
        [settings = settings_, call = std::move(call)] { return look_at(call, *settings); },
        Completion<Look>(
            [self = weak_from_this(), next = std::move(next)](Result<Look> found) mutable {
              if (const auto impl = self.lock()) next(std::move(found));
            }));
  }

  void prepare_with(Call call, std::string preview, Completion<Prepared> prepared) {
    look(std::move(call), [this, preview = std::move(preview),
                           prepared = std::move(prepared)](Result<Look> found) mutable {
      if (!found) return prepared(found.error());
      GitRun run = found->run;
      if (run.call.key.empty()) run.call.key = new_key();
      auto then = [look = *std::move(found), preview = std::move(preview),
                   prepared = std::move(prepared)](Result<Prepared> program) mutable {
        if (program)
          program->facts = with_ours(std::move(program->facts), look, std::move(preview));
        prepared(std::move(program));
      };
      programs_.prepare(std::move(run.call), run.manner, Completion<Prepared>(std::move(then)));
    });
  }

  void run(std::uint64_t at, Look found, Call call, Completion<Reply> done) {
    GitRun run = std::move(found.run);
    const bool unasked = run.call.key.empty();
    if (unasked) {
      go_by_its_own(run.call);
      under_way_.at(at).unasked = run.call.id;
    }
    auto then = [this, at, task = call.id.task, key = unasked ? run.call.key : std::string(),
                 command = std::move(call.command), object = std::move(found.object),
                 done = std::move(done)](Result<Reply> outcome) mutable {
      if (!key.empty()) programs_.settled(key);
      under_way_.erase(at);
      tell(command, task, object, std::move(outcome), std::move(done));
    };
    programs_.perform(std::move(run.call), run.manner, with(std::move(then)));
  }

  /// Without a verdict, since it only looks: what `prepare` finds is what is performed.
  void run_unasked(Look found, TaskCommand command, Completion<Reply> done) {
    GitRun run = std::move(found.run);
    go_by_its_own(run.call);
    auto shared = std::make_shared<GitRun>(std::move(run));
    auto then = [this, shared, command = std::move(command),
                 done = std::move(done)](Result<Prepared> prepared) mutable {
      if (!prepared) return done(prepared.error());
      shared->call.facts = std::move(prepared->facts);
      auto ended = [this, key = shared->call.key, command = std::move(command),
                    done = std::move(done)](Result<Reply> outcome) mutable {
        programs_.settled(key);
        tell(command, kNoTask, {}, std::move(outcome), std::move(done));
      };
      programs_.perform(shared->call, shared->manner, with(std::move(ended)));
    };
    programs_.prepare(shared->call, shared->manner,
                      Completion<Prepared>([self = weak_from_this(), then = std::move(then)](
                                               Result<Prepared> prepared) mutable {
                        if (const auto impl = self.lock()) then(std::move(prepared));
                      }));
  }

  /// On the pool, since it may be long.
  void tell(TaskCommand command, TaskId task, std::string object, Result<Reply> outcome,
            Completion<Reply> done) {
    if (!outcome) return done(outcome.error());
    pool_.run<Reply>(
        [settings = settings_, command = std::move(command), task, object = std::move(object),
         outcome = std::move(outcome)]() mutable {
          return reply_to(command, task, std::get<AwaitProcess::Reply>(*std::move(outcome)),
                          *settings, object);
        },
        std::move(done));
  }

  void end(std::uint64_t at, const Error& error, Completion<Reply>& done) {
    under_way_.erase(at);
    done(error);
  }

  void go_by_its_own(Call& call) {
    call.id = {kNoTask, Seq{++runs_}};
    call.key = new_key();
  }

  std::string new_key() {
    return sha256(std::to_string(random_.next()) + ' ' + std::to_string(random_.next()))
        .hex()
        .substr(0, 32);
  }

  BlockingPool& pool_;
  ProcessDriver& programs_;
  std::shared_ptr<const GitSettings> settings_;
  SystemRandom random_;
  std::uint32_t runs_ = 0;
  std::uint64_t performed_ = 0;
  std::map<std::uint64_t, UnderWay> under_way_;
};

GitDriver::GitDriver(BlockingPool& pool, ProcessDriver& programs, GitSettings settings)
    : impl_(std::make_shared<Impl>(pool, programs, std::move(settings))) {}

GitDriver::~GitDriver() = default;

void GitDriver::prepare(Call call, Completion<Prepared> prepared) {
  impl_->prepare(std::move(call), std::move(prepared));
}

void GitDriver::perform(Call call, Completion<Reply> done) {
  impl_->perform(std::move(call), std::move(done));
}

void GitDriver::recover(Call call, Completion<Reply> done) {
  impl_->recover(std::move(call), std::move(done));
}

void GitDriver::cancel(CommandId id) {
  impl_->cancel(id);
}

void GitDriver::settled(const std::string& key) {
  impl_->settled(key);
}

}  // namespace tinkerbell
