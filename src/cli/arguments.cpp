#include "cli/arguments.hpp"

#include "tinkerbell/base/money.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/base/version.hpp"
#include "tinkerbell/protocol/routes.hpp"
#include "tinkerbell/protocol/task.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace tinkerbell::cli {

namespace {

constexpr auto kVerbs = std::to_array<std::string_view>(
    {"run",    "ls",     "show",   "steps",     "follow",  "diff",       "accept", "drop",
     "undo",   "fork",   "say",    "approvals", "approve", "deny",       "answer", "resolve",
     "rules",  "mcp",    "pause",  "resume",    "step",    "break",      "cancel", "tree",
     "strace", "trace",  "record", "replay",    "core",    "debug",      "backup", "gc",
     "verify", "budget", "cost",   "status",    "version", "completion", "help"});

const std::map<std::string, ColorWhen> kColors = {
    {"auto", ColorWhen::automatic}, {"always", ColorWhen::always}, {"never", ColorWhen::never}};

/// What other programs call one of ours.
constexpr auto kOtherNames =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"kill", "cancel"},
                                                                  {"stop", "cancel"},
                                                                  {"rm", "cancel"},
                                                                  {"apply", "accept"},
                                                                  {"merge", "accept"},
                                                                  {"discard", "drop"},
                                                                  {"revert", "undo"},
                                                                  {"rollback", "undo"},
                                                                  {"branch", "fork"},
                                                                  {"reject", "deny"},
                                                                  {"logs", "follow"},
                                                                  {"log", "follow"},
                                                                  {"attach", "follow"},
                                                                  {"tell", "say"},
                                                                  {"ps", "ls"},
                                                                  {"list", "ls"},
                                                                  {"start", "run"},
                                                                  {"continue", "resume"}});

constexpr std::string_view kHint = "Try `tinkerbell help`, or `tinkerbell VERB --help`.\n";

Parting misuse(std::string message) {
  return {ExitCode::usage, "tinkerbell: " + std::move(message) + "\n" + std::string(kHint)};
}

std::string in_quotes(std::string_view word) {
  return "\"" + visible_line(word) + "\"";
}

std::vector<std::string> verb_names() {
  return {kVerbs.begin(), kVerbs.end()};
}

std::optional<std::uint64_t> positive_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

/// Exact decimals: CLI11's own numbers are binary.
CLI::Validator is_amount() {
  return {[](std::string& text) {
            const Result<Money> amount = Money::parse(text);
            return amount ? std::string() : amount.error().message;
          },
          "", "amount"};
}

/// A whole number of at least 1, in words of ours: CLI11 names the bounds of its type.
CLI::Validator from_one_on() {
  return {[](std::string& text) {
            return positive_number(text) ? std::string()
                                         : in_quotes(text) + " is no whole number from 1 on";
          },
          "", "whole"};
}

/// "30m" and the like, as milliseconds.
CLI::AsNumberWithUnit in_milliseconds() {
  const std::map<std::string, std::uint64_t> milliseconds{
      {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  return CLI::AsNumberWithUnit(milliseconds, CLI::AsNumberWithUnit::UNIT_REQUIRED);
}

/// Strips "file.*" to "file", as `break` writes a family.
std::string_view without_star(std::string_view name) {
  return name.ends_with(".*") ? name.substr(0, name.size() - 2) : name;
}

bool is_call_name(std::string_view name) {
  return std::ranges::any_of(protocol::kCommandNames, [&](std::string_view command) {
    return command == name || command.substr(0, command.find('.')) == without_star(name);
  });
}

std::string unknown_call(const std::string& name) {
  std::string known;
  for (const std::string_view command : protocol::kCommandNames)
    known += (known.empty() ? "" : ", ") + std::string(command);
  return "-e: there is no call " + in_quotes(name) + ": take a family (file, or file.*) or of " +
         known;
}

std::string state_names() {
  std::string names;
  for (const std::string_view state : protocol::kTaskStates)
    names += (names.empty() ? "" : ", ") + std::string(state);
  return names;
}

std::optional<TaskId> task_id(std::string_view text) {
  const auto value = positive_number(text);
  return value ? std::optional(TaskId{*value}) : std::nullopt;
}

/// "a3"; where only an approval can be meant, "3" as well.
std::optional<ApprovalId> approval_id(std::string_view text, bool bare = true) {
  if (text.starts_with('a')) {
    text.remove_prefix(1);
  } else if (!bare) {
    return std::nullopt;
  }
  const auto value = positive_number(text);
  return value ? std::optional(ApprovalId{*value}) : std::nullopt;
}

/// Leaves out the trap for stray words that the usage line of CLI11 would show.
class HelpText final : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_parent() != nullptr) return Formatter::make_usage(app, std::move(name));
    return "Usage: " + name + " [OPTIONS] VERB\n";
  }
};

/// The grammar, and the variables that CLI11 fills. One function per verb declares its words and
/// leaves behind how to make the command from them.
class Grammar {
 public:
  Grammar() : app_("Tinkerbell runs agents as an operating system runs processes.", "tinkerbell") {
    app_.require_subcommand(0, 1);  // or "run status" would be two verbs instead of a goal
    declare_globals();
    declare_run();
    declare_ls();
    declare_show();
    declare_task_verbs();
    declare_stops();
    declare_inspection();
    declare_debugging();
    declare_drafts();
    declare_undo();
    declare_decisions();
    declare_backup();
    declare_gc();
    declare_verify();
    declare_money();
    declare_plain_verbs();
  }

  std::expected<Invocation, Parting> parse(std::vector<std::string> words) {
    std::ranges::reverse(words);  // CLI11 takes them from the back
    try {
      app_.parse(std::move(words));
    } catch (const CLI::CallForHelp&) {
      return std::unexpected(Parting{ExitCode::ok, help()});
    } catch (const CLI::CallForVersion&) {
      return std::unexpected(Parting{ExitCode::ok, version_text() + "\n"});
    } catch (const CLI::ParseError& error) {
      return std::unexpected(unexpected_word().value_or(misuse(error.what())));
    }
    return understood();
  }

 private:
  /// What the parsed words ask for, or what is wrong with them.
  using Maker = std::function<std::expected<Command, std::string>()>;

  CLI::App& verb(const std::string& name, const std::string& purpose, Maker maker) {
    CLI::App* sub = app_.add_subcommand(name, purpose);
    sub->fallthrough();  // global options may follow the verb
    makers_[sub] = std::move(maker);
    return *sub;
  }

  void declare_globals() {
    app_.add_option("--socket", invocation_.socket, "The daemon's control socket");
    app_.add_flag("--json", invocation_.json, "Print the daemon's JSON documents");
    app_.add_flag("-q,--quiet", invocation_.quiet, "Print ids only");
    app_.add_option_function<std::string>(
            "--color", [this](const std::string& when) { invocation_.color = kColors.at(when); },
            "auto, always or never")
        ->check(CLI::IsMember(kColors).description(""))
        ->type_name("WHEN");
    app_.set_version_flag("--version", version_text(), "Print the version");
    app_.add_option("VERB", stray_word_)->group("");  // what is no verb lands here
  }

  void declare_run() {
    CLI::App& run = verb("run", "Start an agent on a goal, or another kind of task",
                         [this] { return task_to_run(); });
    goal_ = run.add_option("GOAL", run_.goal, "What is to be done, in quotes");
    run.add_option("--kind", run_.kind, "A kind of task that the daemon knows (default: agent@1)");
    CLI::Option* arguments =
        run.add_option("--args", arguments_, "What that kind takes, as a JSON object");
    arguments->type_name("JSON")->excludes(goal_);
    run.add_option("-w,--workspace", run_.workspace, "Where to work (default: here)");
    run.add_option("-m,--model", run_.model, "A model alias of the daemon's configuration")
        ->excludes(arguments);
    run.add_option("--steps", run_.steps_max, "Fail after that many steps")
        ->check(from_one_on())
        ->excludes(arguments);
    run.add_option("--budget", run_.budget.cost, "What its model calls may cost together: 2.50")
        ->type_name("AMOUNT")
        ->check(is_amount());
    run.add_option("--tokens", run_.budget.tokens, "How many tokens they may use, in and out");
    run.add_option("--calls", run_.budget.calls, "How many model calls they may make");
    run.add_option("--tasks", run_.budget.tasks, "How many tasks may come from it");
    run.add_option("--time", run_.budget.time_ms,
                   "How long their model calls and programs may work together: 2h, 30m, 90s")
        ->transform(in_milliseconds())
        ->type_name("TIME");
    run.add_option("--on-limit", run_.budget.on_limit, "At the budget's end: ask or stop")
        ->type_name("WHAT")
        ->check(CLI::IsMember({"ask", "stop"}).description(""));
    run.add_option("--output-schema", run_.output_schema_file,
                   "Have it return JSON of this JSON Schema (of an object; \"-\": standard input)")
        ->type_name("FILE")
        ->excludes(arguments);
    run.add_flag("--step", run_.stepping, "Stop before the first step; see `step` and `break`");
    run.add_flag("--yes", run_.approve_all, "Approve what would be asked (denials remain)");
    CLI::Option* live = run.add_flag_callback(
        "--live", [this] { run_.files = "live"; },
        "Work on the files themselves, asking at each change (see [agent] files)");
    run.add_flag_callback(
           "--draft", [this] { run_.files = "draft"; },
           "Work in a draft, and ask once at the end (the default: see [agent] files)")
        ->excludes(live);
    CLI::Option* git = run.add_flag("--git{squash}", git_,
                                    "Make a commit of what it does, of each step with --git=keep")
                           ->check(CLI::IsMember({"squash", "keep"}).description(""))
                           ->excludes(live)
                           ->excludes(arguments);
    run.add_option("--branch", branch_, "With --git: leave the commits on a branch of this name")
        ->type_name("NAME")
        ->needs(git);
    const auto mode = [&](const std::string& name, RunMode value, const std::string& purpose) {
      return run.add_flag_callback(name, [this, value] { run_.mode = value; }, purpose);
    };
    CLI::Option* follow = mode("-f,--follow", RunMode::follow, "Show the steps (on a terminal)");
    CLI::Option* detach = mode("-d,--detach", RunMode::detach, "Print the id and leave");
    CLI::Option* wait = mode("--wait", RunMode::wait, "Wait for the end or the first question");
    follow->excludes(detach)->excludes(wait);
    detach->excludes(wait);
    CLI::Option* record =
        run.add_option("--record", run_.record, "Wait for the end; save what models answered")
            ->type_name("FILE")
            ->excludes(detach);
    run.add_flag("--overwrite", run_.overwrite, "With --record: FILE may be there")->needs(record);
    run.add_option("--replay", run_.replay, "Ask no model: take the answers from FILE")
        ->type_name("FILE");
  }

  std::expected<Command, std::string> task_to_run() {
    if (run_.record == "-") return std::unexpected("--record: must be a file");
    if (!git_.empty()) {
      run_.git = protocol::GitRequest{.branch = branch_, .keep = git_ == "keep"};
      run_.files = "draft";
    }
    if (goal_->count() > 0) return run_;
    if (arguments_.empty()) {
      if (run_.kind.empty()) return std::unexpected("run: GOAL is required, in quotes");
      arguments_ = "{}";
    }
    Result<Json> arguments = parse_json(arguments_);
    if (!arguments) return std::unexpected("--args: " + arguments.error().message);
    run_.arguments = *std::move(arguments);
    return run_;
  }

  void declare_ls() {
    CLI::App& ls = verb("ls", "List tasks, the newest first", [this] { return list_of_tasks(); });
    ls.add_option("--state", list_.state, "Only tasks in this state: " + state_names());
    CLI::Option* count =
        ls.add_option("-n", list_.count, "At most that many (default 20)")
            ->check(CLI::Range(std::uint64_t{1}, protocol::TaskList::kLimitMax).description(""));
    ls.add_flag("-a,--all", list_.all, "However many there are")->excludes(count);
  }

  std::expected<Command, std::string> list_of_tasks() {
    const auto& states = protocol::kTaskStates;
    if (!list_.state.empty() && std::ranges::find(states, list_.state) == states.end()) {
      return std::unexpected("--state: there is no state " + in_quotes(list_.state) + ": take " +
                             state_names());
    }
    return list_;
  }

  void declare_show() {
    CLI::App& show =
        verb("show", "Show a task (12) or a question (a3)",
             [this]() -> std::expected<Command, std::string> {
               if (const auto approval = approval_id(id_, false)) {
                 return ShowApproval{*approval};
               }
               const auto task = task_id(id_);
               if (task) return ShowTask{*task};
               return std::unexpected(in_quotes(id_) + " is no id of a task (12) or question (a3)");
             });
    add_id(show);
  }

  void declare_task_verbs() {
    CLI::App& steps = task_verb("steps", "List the steps of a task", [this](TaskId task) {
      return ListSteps{.task = task, .full = full_};
    });
    steps.add_flag("--full", full_, "With arguments and replies");
    task_verb("follow", "Show the steps of a task as they happen",
              [](TaskId task) { return FollowTask{task}; });
    CLI::App& diff = task_verb("diff", "Show what a task changed", [this](TaskId task) {
      return ShowDiff{.task = task, .step = diff_step_};
    });
    diff.add_option("--step", diff_step_, "Only what this step changed")
        ->type_name("N")
        ->check(from_one_on());
    task_verb("pause", "Let a task take no further step",
              [](TaskId task) { return ChangeTask{task, "pause"}; });
    task_verb("resume", "Let a paused task go on",
              [](TaskId task) { return ChangeTask{task, "resume"}; });
    CLI::App& say = task_verb("say", "Tell a task something while it is at work",
                              [this](TaskId task) { return SayWords{task, words_}; });
    say.add_option("TEXT", words_, "What it is told, in quotes")->required();
    task_verb("cancel", "End a task, and those that end with it",
              [](TaskId task) { return ChangeTask{task, "cancel"}; });
  }

  void declare_drafts() {
    CLI::App& accept =
        task_verb("accept", "Take over what a task changed in its draft", [this](TaskId task) {
          return AcceptDraft{.task = task, .paths = paths_, .approve_all = yes_};
        });
    accept.add_option("PATH", paths_, "Only these, and what is below them (default: all)");
    accept.add_flag("--yes", yes_, "Do not ask (denials remain)");
    CLI::App& drop = task_verb("drop", "Throw the draft of a task away", [this](TaskId task) {
      return DropDraft{.task = task, .approve_all = yes_};
    });
    drop.add_flag("--yes", yes_, "Do not ask");
    declare_fork();
  }

  void declare_fork() {
    CLI::App& fork = task_verb(
        "fork", "Begin a new task with the first steps of another one, in a draft of its own",
        [this](TaskId task) {
          fork_.task = task;
          return fork_;
        });
    fork.add_option("--at", fork_.at, "The last of those steps; see `steps`")
        ->required()
        ->type_name("STEP");
    fork.add_option("--say", fork_.say, "What it is told before it goes on, in quotes")
        ->type_name("TEXT");
    fork.add_flag("--yes", fork_.approve_all, "Approve what would be asked (denials remain)");
    fork.add_flag("-d,--detach", fork_.detach, "Print the id and leave");
  }

  void declare_undo() {
    CLI::App& undo = task_verb("undo", "Take back what a task changed", [this](TaskId task) {
      undo_.task = task;
      undo_.request.approve_all = yes_;
      return undo_;
    });
    undo.add_option("--to", undo_.request.to_step, "Only what came after this step")
        ->type_name("STEP")
        ->check(from_one_on());
    undo.add_flag("-n,--dry-run", undo_.request.dry_run, "Only show what it would do");
    undo.add_flag("--keep-others", undo_.request.keep_others,
                  "Leave what somebody else changed since, and take back the rest");
    undo.add_flag("--yes", yes_, "Do not ask (denials remain)");
  }

  void declare_stops() {
    CLI::App& step = task_verb("step", "Let a task take one step, and stop before the next",
                               [this](TaskId task) { return StepTask{task, detach_}; });
    step.add_flag("-d,--detach", detach_, "Do not wait until it stops");
    CLI::App& stop = verb("break", "Stop a task before steps that match; list or clear such stops",
                          [this] { return breakpoint(); });
    add_id(stop);
    CLI::Option* pattern =
        stop.add_option("PATTERN", pattern_,
                        "All of: COMMAND (file.write, process.*), program=GIT PUSH, path=GLOB, "
                        "host=GLOB");
    stop.add_option("--clear", cleared_, "Take away breakpoint N, or `all`")
        ->type_name("N")
        ->excludes(pattern);
  }

  std::expected<Command, std::string> breakpoint() {
    const auto task = task_id(id_);
    if (!task) return std::unexpected(in_quotes(id_) + " is no id of a task (12)");
    if (cleared_ == "all") return ClearBreakpoints{*task, 0};
    if (!cleared_.empty()) {
      const auto number = positive_number(cleared_);
      if (number && *number <= UINT32_MAX) {
        return ClearBreakpoints{*task, static_cast<std::uint32_t>(*number)};
      }
      return std::unexpected(in_quotes(cleared_) + " is no number of a breakpoint");
    }
    if (pattern_.empty()) return ListBreakpoints{*task};
    std::string pattern;
    for (const std::string& word : pattern_)
      pattern += (pattern.empty() ? "" : " ") + word;
    return SetBreakpoint{*task, std::move(pattern)};
  }

  void declare_inspection() {
    CLI::App& tree = verb("tree", "Show tasks by parent, and what each waits for", [this] {
      return with_task_or_all([this](TaskId task) { return ShowTree{task, all_}; });
    });
    tree.add_option("ID", id_, "Only this task and what belongs to it");
    tree.add_flag("--all", all_, "Those that have ended, too");
    CLI::App& strace =
        verb("strace", "Show what a task asked for, as system calls", [this] { return trace(); });
    add_id(strace);
    strace.add_flag("-f,--follow", calls_.follow, "As it happens, and its children");
    strace.add_option("-e", calls_.only, "Only these families (file) or commands (file.read)")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("FAMILY,...");
    strace.add_flag("-c,--summary", calls_.summary, "Count calls, errors and time by command");
    CLI::Option* length =
        strace.add_option("-s", calls_.text_max, "Show so many bytes of a text (default 64)")
            ->check(CLI::Range(std::uint64_t{1}, protocol::StepList::kCallTextMax).description(""));
    strace.add_flag_callback(
              "--full", [this] { calls_.text_max = 0; }, "Show texts whole")
        ->excludes(length);
    CLI::App& trace =
        verb("trace", "Save the newest turns of all tasks, or one, for Perfetto", [this] {
          return with_task_or_all([this](TaskId task) { return SaveTrace{task, file_}; });
        });
    trace.add_option("ID", id_, "Only this task");
    trace.add_option("-f,--file", file_, "Where to; - is standard output")->required();
    CLI::App& record =
        verb("record", "Save what models answered a task, for `run --replay`", [this] {
          return with_task([this](TaskId task) { return RecordTask{task, file_, overwrite_}; });
        });
    add_id(record);
    record.add_option("FILE", file_, "Where to; - is standard output")->required();
    record.add_flag("--overwrite", overwrite_, "FILE may be there");
  }

  std::expected<Command, std::string> trace() {
    for (std::string& name : calls_.only) {
      if (!is_call_name(name)) return std::unexpected(unknown_call(name));
      name = std::string(without_star(name));
    }
    return with_task([this](TaskId task) {
      calls_.task = task;
      return calls_;
    });
  }

  void declare_debugging() {
    CLI::App& replay =
        verb("replay", "Run the past of a task again, without any effect, and compare",
             [this] { return with_task([](TaskId task) { return CheckReplay{task}; }); });
    add_id(replay);
    replay.add_flag("--check", check_, "Compare what it asks for with what it asked for then")
        ->required();
    CLI::App& core = verb("core", "Save a task and its family as one file, for `debug`", [this] {
      return with_task([this](TaskId task) { return SaveCore{task, file_, overwrite_}; });
    });
    add_id(core);
    core.add_option("-f,--file", file_, "Where to; - is standard output")->required();
    core.add_flag("--overwrite", overwrite_, "FILE may be there");
    CLI::App& debug =
        verb("debug", "Run the tasks of a core file again, step by step; needs no daemon", [this] {
          debug_.file = file_;
          return debug_;
        });
    debug.add_option("FILE", file_, "What `core` wrote")->required();
    debug.add_option("--step", debug_.step, "Show this step, and take no commands")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{UINT32_MAX}).description(""));
    debug.add_option("--task", debug_.task, "Another task of the family")->check(from_one_on());
    debug.add_option("--program", debug_.program, "A daemon with kinds of tasks of its own")
        ->type_name("PATH");
  }

  void declare_backup() {
    CLI::App& backup =
        verb("backup", "Copy the daemon's journal while it runs", [this] { return back_up_; });
    backup.add_option("DIR", back_up_.directory, "The new state directory; it must not exist")
        ->required();
  }

  void declare_money() {
    CLI::App& budget = verb("budget", "Show what a task and its family may use, or add to it",
                            [this]() -> std::expected<Command, std::string> {
                              const auto task = task_id(id_);
                              if (!task)
                                return std::unexpected(in_quotes(id_) + " is no id of a task (12)");
                              return ChangeBudget{*task, raise_};
                            });
    add_id(budget);
    budget.add_option("--add", raise_.add_cost, "Add that much money: 1.50")
        ->type_name("AMOUNT")
        ->check(is_amount());
    budget.add_option("--add-tokens", raise_.add_tokens, "Add that many tokens")
        ->check(from_one_on());
    budget.add_option("--add-calls", raise_.add_calls, "Add that many model calls")
        ->check(from_one_on());
    budget.add_option("--add-tasks", raise_.add_tasks, "Add that many tasks")->check(from_one_on());
    budget.add_option("--add-time", raise_.add_time_ms, "Add so much time of work: 2h, 30m, 90s")
        ->transform(in_milliseconds())
        ->type_name("TIME");
    CLI::App& cost = verb("cost", "Show what model calls cost, by day, model or task", [this] {
      return with_task_or_all([this](TaskId task) {
        costs_.task = task;
        return costs_;
      });
    });
    cost.add_option("ID", id_, "Only of this task and its family, since it began");
    const std::vector<std::string> keys(protocol::kCostKeys.begin(), protocol::kCostKeys.end());
    cost.add_option("--by", costs_.by, "day, model or task (default: day; of a task: model)")
        ->check(CLI::IsMember(keys).description(""));
    cost.add_option("--days", costs_.days, "The last so many days, today's too (default 30)")
        ->check(CLI::Range(std::uint64_t{1}, protocol::CostReport::kDaysMax).description(""));
  }

  void declare_gc() {
    CLI::App& gc = verb("gc", "Remove tasks that ended long ago", [this] { return collect_; });
    gc.add_option("--older-than", collect_.older_than_ms,
                  "How long ago, as 30d, 12h, 5m or 10s (default: the daemon's [retention])")
        ->transform(in_milliseconds())
        ->type_name("AGE");
    gc.add_flag("-n,--dry-run", collect_.dry_run, "Only tell what would go, and how many bytes");
  }

  void declare_verify() {
    CLI::App& verify = verb("verify", "Check that the journal is as it was written", [this] {
      return with_task_or_all([this](TaskId task) {
        verify_.task = task;
        return verify_;
      });
    });
    verify.add_option("ID", id_, "Read the payloads of this task only");
    verify.add_option("--anchor", verify_.anchor, "Also that it goes through this, from the log")
        ->type_name("LSN:SEAL");
  }

  void declare_decisions() {
    verb("approvals", "List the open questions", [] { return Command(ListApprovals{}); });
    CLI::App& approve =
        decision_verb("approve", "Allow what a task asks for", protocol::Answer::approve);
    CLI::Option* const for_task = approve.add_flag_callback(
        "--task", [this] { decide_.scope = protocol::Scope::task; },
        "The same again in this task needs no question");
    CLI::Option* const always = approve.add_flag_callback(
        "--always", [this] { decide_.scope = protocol::Scope::always; },
        "Make the standing rule that the question shows");
    always->excludes(for_task);
    approve.add_flag("--directory", decide_.directory, "With --always: all below its directory")
        ->needs(always);
    approve.add_option("--for", decide_.valid_ms, "With --always: how long, as 30d, 12h or 5m")
        ->transform(in_milliseconds())
        ->type_name("TIME")
        ->needs(always);
    add_hash(approve);
    CLI::App& deny = decision_verb("deny", "Refuse what a task asks for", protocol::Answer::deny);
    add_reason(approve);
    add_reason(deny);
    CLI::App& answer =
        decision_verb("answer", "Answer a question with words", protocol::Answer::answer);
    answer.add_option("TEXT", decide_.text, "The answer, in quotes")->required();
    declare_resolve();
    CLI::App& rules = verb("rules", "List what was allowed for good, or `rules remove N`",
                           [this] { return standing_rules(); });
    rules.add_option("remove", action_, "Take rule N away, at once and for all tasks")
        ->check(CLI::IsMember({"remove"}).description(""));
    rules.add_option("N", id_, "Its number");
    declare_mcp();
  }

  void declare_mcp() {
    CLI::App& mcp = verb("mcp", "List the MCP servers, or `mcp forget SERVER [TOOL]`",
                         [this]() -> std::expected<Command, std::string> {
                           if (action_.empty()) return ListMcp{};
                           if (!forget_.server.empty()) return forget_;
                           return std::unexpected("forget which server?");
                         });
    mcp.add_option("forget", action_, "Have its tools, or TOOL, approved again")
        ->check(CLI::IsMember({"forget"}).description(""));
    mcp.add_option("SERVER", forget_.server, "Its name in the config");
    mcp.add_option("TOOL", forget_.tool, "As the server calls it");
  }

  std::expected<Command, std::string> standing_rules() {
    if (action_.empty()) return ListRules{};
    const auto number = positive_number(id_);
    if (!number) return std::unexpected(in_quotes(id_) + " is no number of a rule");
    return RemoveRule{*number};
  }

  void declare_resolve() {
    CLI::App& resolve = verb("resolve", "Say what became of a step that a crash left in doubt",
                             [this] { return decision(decide_.answer); });
    add_id(resolve);
    CLI::Option_group& answers = *resolve.add_option_group("Answer");
    const auto answer = [&](const std::string& name, protocol::Answer value,
                            const std::string& purpose) {
      answers.add_flag_callback(name, [this, value] { decide_.answer = value; }, purpose);
    };
    answer("--happened", protocol::Answer::happened, "It happened: the task is told so");
    answer("--run-again", protocol::Answer::run_again, "Start it once more");
    answer("--abort", protocol::Answer::abort, "Leave it: the task is told that nobody knows");
    answers.require_option(1);
    CLI::Option* const happened = resolve.get_option("--happened");
    CLI::Option* const result =
        resolve.add_option("--result", decide_.result, "With --happened: what the program wrote");
    result->type_name("TEXT")->needs(happened);
    resolve.add_option("--result-file", decide_.result_file, "The same from a file, or - (input)")
        ->type_name("FILE")
        ->needs(happened)
        ->excludes(result);
    add_hash(resolve);
    add_reason(resolve);
  }

  void declare_plain_verbs() {
    verb("status", "Show how the daemon is", [] { return Command(ShowStatus{}); });
    verb("version", "Show the version", [] { return Command(ShowVersion{}); });
    CLI::App& completion =
        verb("completion", "Print a completion script", [] { return Command(PrintCompletion{}); });
    completion.add_option("SHELL", shell_, "bash")->required()->check(CLI::IsMember({"bash"}));
    help_verb_ = app_.add_subcommand("help", "Show this, or what a verb takes");
    help_verb_->fallthrough();
    help_verb_->add_option("VERB", topic_)->check(CLI::IsMember(verb_names()).description(""));
  }

  template <class MakeCommand>
  CLI::App& task_verb(const std::string& name, const std::string& purpose, MakeCommand make) {
    CLI::App& sub = verb(name, purpose, [this, make] { return with_task(make); });
    add_id(sub);
    return sub;
  }

  CLI::App& decision_verb(const std::string& name, const std::string& purpose,
                          protocol::Answer answer) {
    CLI::App& sub = verb(name, purpose, [this, answer] { return decision(answer); });
    add_id(sub);
    return sub;
  }

  void add_id(CLI::App& sub) { sub.add_option("ID", id_)->required(); }

  void add_hash(CLI::App& sub) {
    sub.add_option("--hash", decide_.hash, "At least 8 digits of the hash of what you saw");
  }

  void add_reason(CLI::App& sub) {
    sub.add_option("--reason", decide_.text, "Words for the journal and the model");
  }

  template <class MakeCommand>
  std::expected<Command, std::string> with_task(MakeCommand make) {
    const auto task = task_id(id_);
    if (!task) return std::unexpected(in_quotes(id_) + " is no id of a task (12)");
    return make(*task);
  }

  template <class MakeCommand>
  std::expected<Command, std::string> with_task_or_all(MakeCommand make) {
    return id_.empty() ? make(kNoTask) : with_task(make);
  }

  std::expected<Command, std::string> decision(protocol::Answer answer) {
    const auto approval = approval_id(id_);
    if (!approval) return std::unexpected(in_quotes(id_) + " is no id of a question (a3)");
    decide_.approval = *approval;
    decide_.answer = answer;
    return decide_;
  }

  std::expected<Invocation, Parting> understood() {
    if (auto stray = unexpected_word()) return std::unexpected(*std::move(stray));
    const std::vector<CLI::App*> parsed = app_.get_subcommands();
    if (invocation_.json && !parsed.empty() && prints_text_only(*parsed.front())) {
      return std::unexpected(misuse(parsed.front()->get_name() + " has no --json: it prints text"));
    }
    if (help_verb_->parsed()) return std::unexpected(Parting{ExitCode::ok, help()});
    if (parsed.empty()) return std::unexpected(misuse("no verb given"));
    std::expected<Command, std::string> command = makers_.at(parsed.front())();
    if (!command) return std::unexpected(misuse(std::move(command.error())));
    invocation_.command = *std::move(command);
    return std::move(invocation_);
  }

  bool prints_text_only(const CLI::App& verb) const {
    return &verb == help_verb_ || verb.get_name() == "completion";
  }

  std::optional<Parting> unexpected_word() {
    if (stray_word_.empty()) return std::nullopt;
    const std::vector<CLI::App*> parsed = app_.get_subcommands();
    if (!parsed.empty() && parsed.front()->get_name() == "run") {
      return misuse("unexpected " + in_quotes(stray_word_) + ": put the goal in quotes");
    }
    if (!parsed.empty()) return misuse("unexpected " + in_quotes(stray_word_));
    const std::string_view nearest = nearest_verb(stray_word_);
    if (nearest.empty()) return misuse("unknown verb " + in_quotes(stray_word_));
    return misuse("unknown verb " + in_quotes(stray_word_) + ", did you mean \"" +
                  std::string(nearest) + "\"?");
  }

  std::string help() {
    if (help_verb_->parsed() && !topic_.empty()) return help_of(*app_.get_subcommand(topic_));
    const std::vector<CLI::App*> parsed = app_.get_subcommands();
    const bool of_verb = !parsed.empty() && parsed.front() != help_verb_;
    return help_of(of_verb ? *parsed.front() : app_);
  }

  std::string help_of(const CLI::App& app) {
    const std::string name =
        &app == &app_ ? app.get_name() : app_.get_name() + " " + app.get_name();
    return HelpText().make_help(&app, name, CLI::AppFormatMode::Normal);
  }

  CLI::App app_;
  CLI::App* help_verb_ = nullptr;
  std::map<const CLI::App*, Maker> makers_;
  Invocation invocation_;
  std::string stray_word_;
  std::string id_;
  std::string shell_;
  std::string topic_;
  std::vector<std::string> pattern_;
  std::string cleared_;
  ForgetTools forget_;
  std::string action_;
  std::string arguments_;
  std::string git_;  ///< How, if commits are wanted.
  std::string branch_;
  CLI::Option* goal_ = nullptr;
  bool full_ = false;
  bool detach_ = false;
  bool all_ = false;
  bool overwrite_ = false;
  bool yes_ = false;
  bool check_ = false;
  std::vector<std::string> paths_;
  std::uint64_t diff_step_ = 0;
  UndoTask undo_;
  std::string file_;
  TraceCalls calls_;
  RunGoal run_;
  ForkTask fork_;
  std::string words_;
  ListTasks list_;
  DebugCore debug_;
  BackUp back_up_;
  CollectGarbage collect_;
  VerifyJournal verify_;
  protocol::BudgetRaiseRequest raise_;
  ShowCosts costs_;
  Decide decide_;
};

}  // namespace

std::expected<Invocation, Parting> parse_arguments(std::vector<std::string> words) {
  return Grammar().parse(std::move(words));
}

std::string version_text() {
  return "tinkerbell " + std::string(kBuildVersion) + ", protocol " +
         std::to_string(protocol::kVersion);
}

std::string_view nearest_verb(std::string_view word) {
  const auto other =
      std::ranges::find(kOtherNames, word, [](const auto& each) { return each.first; });
  if (other != kOtherNames.end()) return other->second;
  constexpr std::size_t kTooFar = 3;
  const auto distance = [word](std::string_view verb) { return edit_distance(word, verb); };
  const std::string_view nearest = *std::ranges::min_element(kVerbs, {}, distance);
  return distance(nearest) < std::min(kTooFar, nearest.size()) ? nearest : std::string_view();
}

std::string bash_completion() {
  std::string words;
  for (const std::string_view verb : kVerbs) {
    words += verb;
    words += ' ';
  }
  return "_tinkerbell() {\n"
         "  local verbs=\"" +
         words +
         "\"\n"
         "  local options=\"--socket --json --quiet --color --help\"\n"
         "  local word=${COMP_WORDS[COMP_CWORD]}\n"
         "  case ${COMP_WORDS[COMP_CWORD-1]} in\n"
         "    approve|deny|answer|resolve)\n"
         "      COMPREPLY=($(compgen -W \"$(tinkerbell approvals -q 2>/dev/null)\" -- \"$word\")) "
         ";;\n"
         "    "
         "show|steps|follow|diff|accept|drop|undo|fork|say|pause|resume|step|break|cancel|tree|"
         "strace|"
         "trace|"
         "record|replay|core)\n"
         "      COMPREPLY=($(compgen -W \"$(tinkerbell ls -q 2>/dev/null)\" -- \"$word\")) ;;\n"
         "    -w|--workspace) COMPREPLY=($(compgen -d -- \"$word\")) ;;\n"
         "    debug|--socket|--record|--replay) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
         "    --color) COMPREPLY=($(compgen -W \"auto always never\" -- \"$word\")) ;;\n"
         "    completion) COMPREPLY=($(compgen -W bash -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$verbs $options\" -- \"$word\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -F _tinkerbell tinkerbell\n";
}

}  // namespace tinkerbell::cli
