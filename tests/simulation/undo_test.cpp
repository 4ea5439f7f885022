// Undo against all who write to a tree: a task that runs commands and programs, and a stranger
// between its steps. What holds for every tree and every order of them.

#include "drivers/file/file_operations.hpp"
#include "support/seeds.hpp"
#include "unit/workspace/quick_directory.hpp"
#include "unit/workspace/tree_model.hpp"

#include "tinkerbell/workspace/change_list.hpp"
#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/way_back.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

constexpr std::uint64_t kShards = 8;
constexpr TaskId kTask{7};

using State = std::optional<FileState>;
using States = std::map<std::string, FileState>;

State at(const States& states, const std::string& path) {
  const auto found = states.find(path);
  return found == states.end() ? std::nullopt : std::optional(found->second);
}

bool is_above(const std::string& directory, const std::string& path) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

/// The tree around a step of the task.
struct Moment {
  States before;
  States after;
};

class UndoSimulation : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ / "work");
    user_ = std::make_unique<AsOrdinaryUser>(dir_.path());
    workspace_ = *Workspace::open((dir_ / "work").string());
    contents_ = *ContentStore::open((dir_ / "contents").string());
  }

  void TearDown() override { remove_contents(dir_ / "work"); }

  void run(std::uint64_t seed) {
    RandomTree random(seed);
    Dice& dice = random.dice();
    steps_.clear();
    moments_.clear();
    remove_contents(dir_ / "work");
    write_model(random.grow(), dir_ / "work");
    for (std::uint64_t left = 1 + dice.pick(6); left > 0; --left) {
      step(random);
      if (dice.chance(3)) write_over(random);  // the stranger
    }
    const std::uint64_t to = dice.pick(moments_.size() + 1);
    dice.chance(2) ? undo_but_keep_others(to) : undo_or_refuse(to);
  }

  // ---- who writes ----

  void step(RandomTree& random) {
    const States before = look();
    const auto seq = static_cast<std::uint32_t>(moments_.size() + 1);
    std::vector<FileChange> changes;
    if (random.dice().chance(3)) {
      changes = run_program(random);
    } else if (const Result<Reply> reply = perform(some_command(random, before), seq)) {
      const std::span<const FileChange> made = changes_in(*reply);
      changes.assign(made.begin(), made.end());
    }
    moments_.push_back({before, look()});
    expect_told(changes, moments_.back());
    steps_.push_back({.step = {kTask, Seq{seq}},
                      .started = Lsn{10 * seq},
                      .ended = Lsn{10 * seq + 5},
                      .changes = std::move(changes)});
  }

  /// Between two looks, as around a real one.
  std::vector<FileChange> run_program(RandomTree& random) {
    const Tree before = *look_at_tree(*workspace_, {.keep = contents_.get()});
    write_over(random);
    const Tree after = *look_at_tree(*workspace_, {.keep = contents_.get()});
    return changes_between(before, after);
  }

  /// Without asking anybody.
  void write_over(RandomTree& random) {
    TreeModel model = model_now();
    random.change(model);
    remove_contents(dir_ / "work");
    write_model(model, dir_ / "work");
  }

  TaskCommand some_command(RandomTree& random, const States& states) {
    Dice& dice = random.dice();
    const std::string path = some_path(random, states);
    switch (dice.pick(4)) {
      case 0:
        return AwaitFileWrite{.path = path, .content = std::to_string(dice.pick(9))};
      case 1:
        return AwaitFileEdit{.path = path, .old_text = "line 0\n", .new_text = "line"};
      case 2:
        return AwaitFileMove{.path = path, .to = some_path(random, states) + "x"};
      default:
        return AwaitFileRemove{.path = path, .recursive = true};
    }
  }

  static std::string some_path(RandomTree& random, const States& states) {
    Dice& dice = random.dice();
    if (states.empty() || dice.chance(5)) return dice.chance(2) ? "new/a" : "b/new/file";
    return std::next(states.begin(), static_cast<std::ptrdiff_t>(dice.pick(states.size())))->first;
  }

  /// As the daemon does it: what was looked at is what is done.
  Result<Reply> perform(TaskCommand command, std::uint32_t seq) {
    Call call{.id = {kTask, Seq{seq}},
              .command = std::move(command),
              .workspace = workspace_->path(),
              .key = sha256(std::to_string(seq)).hex().substr(0, 32),
              .facts = {},
              .pre_image = {}};
    Result<Prepared> prepared = prepare_file(scene_(), call);
    if (!prepared) return prepared.error();
    if (prepared->facts.outside) return Error{Errc::outside_workspace, "it leads out"};
    call.facts = std::move(prepared->facts);
    call.pre_image = std::move(prepared->pre_image);
    Result<Reply> reply = perform_file(scene_(), call);
    if (call.pre_image) keep(call);
    return reply;
  }

  /// What an undo takes from the journal.
  void keep(const Call& call) {
    EXPECT_TRUE(contents_->put(call.pre_image->content));
    if (const auto* const write = std::get_if<AwaitFileWrite>(&call.command)) {
      EXPECT_TRUE(contents_->put(write->content));
    }
  }

  // ---- undo ----

  Result<AwaitFileRestore::Reply> undo(const WayBack& way, std::uint64_t to, bool keep_others) {
    const Result<Sha256> list = keep_changes(way.changes, *contents_);
    EXPECT_TRUE(list) << list.error().message;
    const Result<Reply> reply = perform(
        AwaitFileRestore{
            .of = kTask, .step = to, .list_sha256 = list->hex(), .keep_others = keep_others},
        1'000);
    if (!reply) return reply.error();
    return std::get<AwaitFileRestore::Reply>(*reply);
  }

  void undo_but_keep_others(std::uint64_t to) {
    const States before = look();
    const WayBack way = way_back(steps_, Lsn{10 * to + 5});
    const Result<AwaitFileRestore::Reply> reply = undo(way, to, true);
    ASSERT_TRUE(reply) << reply.error().message;
    const States after = look();
    expect_told(reply->changes, {before, after});
    for (const std::string& path : all_paths(before, after))
      expect_undone(path, to, before, after);
    take_back(*reply, before);
  }

  void undo_or_refuse(std::uint64_t to) {
    const States before = look();
    const WayBack way = way_back(steps_, Lsn{10 * to + 5});
    std::set<std::string> others;
    for (const std::string& path : all_paths(before, before)) {
      if (wrote_since(path, newest_touch(path, to), before)) others.insert(path);
    }
    const auto is_theirs = [&](const std::string& path) {
      return std::ranges::any_of(
          others, [&](const std::string& each) { return each == path || is_above(each, path); });
    };
    for (const WrittenBetween& between : way.others)
      EXPECT_TRUE(is_theirs(between.path)) << between.path << ": nobody else wrote to it";
    if (!way.others.empty()) return;  // the daemon refuses it
    const Result<AwaitFileRestore::Reply> reply = undo(way, to, false);
    if (!reply) {
      EXPECT_EQ(reply.error().code, Errc::conflict) << reply.error().message;
      EXPECT_FALSE(others.empty()) << reply.error().message;
      EXPECT_EQ(look(), before);
      return;
    }
    EXPECT_TRUE(reply->left.empty());
    const States after = look();
    for (const std::string& path : all_paths(before, after)) {
      const State wanted = !touched_since(path, to)
                               ? at(before, path)
                               : wrote_since(path, to, before).value_or(state_at(path, to));
      EXPECT_EQ(at(after, path), wanted) << path;
    }
    take_back(*reply, before);
  }

  /// Undo of the undo.
  void take_back(const AwaitFileRestore::Reply& reply, const States& before) {
    const std::vector<StepChanges> steps{{{kTask, Seq{1'000}}, Lsn{1}, Lsn{2}, reply.changes}};
    const Result<AwaitFileRestore::Reply> again = undo(way_back(steps, Lsn{0}), 0, false);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(look(), before);
  }

  // ---- what must hold, by the trees that were seen ----

  [[nodiscard]] State state_at(const std::string& path, std::uint64_t to) const {
    return at(to == 0 ? moments_.front().before : moments_[to - 1].after, path);
  }

  [[nodiscard]] bool touched_since(const std::string& path, std::uint64_t to) const {
    return std::any_of(
        moments_.begin() + static_cast<std::ptrdiff_t>(to), moments_.end(),
        [&](const Moment& moment) { return at(moment.before, path) != at(moment.after, path); });
  }

  /// The newest step up to `to` that changed it: from then on nobody can tell when another one did.
  [[nodiscard]] std::uint64_t newest_touch(const std::string& path, std::uint64_t to) const {
    std::uint64_t step = to;
    while (step > 0 && at(moments_[step - 1].before, path) == at(moments_[step - 1].after, path))
      --step;
    return step == 0 ? to : step;
  }

  /// The newest version that the stranger wrote after a step; nothing: he did not.
  [[nodiscard]] std::optional<State> wrote_since(const std::string& path, std::uint64_t to,
                                                 const States& now) const {
    State left = state_at(path, to);
    std::optional<State> theirs;
    for (std::uint64_t step = to; step < moments_.size(); ++step) {
      const Moment& moment = moments_[step];
      if (at(moment.before, path) == at(moment.after, path)) continue;
      if (at(moment.before, path) != left) theirs = at(moment.before, path);
      left = at(moment.after, path);
    }
    if (at(now, path) != left) theirs = at(now, path);
    return theirs;
  }

  void expect_undone(const std::string& path, std::uint64_t to, const States& before,
                     const States& after) const {
    const State is = at(after, path);
    if (!touched_since(path, to)) {
      EXPECT_EQ(is, at(before, path)) << path << " is not the task's";
      return;
    }
    const std::optional<State> theirs = wrote_since(path, to, before);
    if (theirs && *theirs == at(before, path)) {
      EXPECT_EQ(is, *theirs) << path << ": what somebody else wrote is lost";
    } else if (theirs) {
      EXPECT_TRUE(is == *theirs || is == at(before, path) || holds_theirs(path, to, before, after))
          << path << ": neither theirs nor as it was";
    } else if (somebody_wrote_around(path, to, before)) {
      EXPECT_TRUE(is == state_at(path, to) || is == at(before, path) ||
                  holds_theirs(path, to, before, after))
          << path;
    } else {
      EXPECT_EQ(is, state_at(path, to)) << path << " is not as it was then";
    }
  }

  /// In the directory that it is, or to one that it is in: that may hinder.
  [[nodiscard]] bool somebody_wrote_around(const std::string& path, std::uint64_t to,
                                           const States& now) const {
    const std::set<std::string> paths = all_paths(now, now);
    return std::ranges::any_of(paths, [&](const std::string& each) {
      return (is_above(path, each) || is_above(each, path)) && wrote_since(each, to, now);
    });
  }

  /// A directory that had to stay, or to come back, for what somebody else has in it.
  [[nodiscard]] bool holds_theirs(const std::string& path, std::uint64_t to, const States& before,
                                  const States& after) const {
    const State is = at(after, path);
    return is && is->type == FileType::directory &&
           std::ranges::any_of(after, [&](const auto& each) {
             return is_above(path, each.first) && wrote_since(each.first, to, before);
           });
  }

  /// All that there ever was.
  [[nodiscard]] std::set<std::string> all_paths(const States& before, const States& after) const {
    std::set<std::string> paths;
    const auto add = [&](const States& states) {
      for (const auto& [path, state] : states)
        paths.insert(path);
    };
    add(before);
    add(after);
    for (const Moment& moment : moments_) {
      add(moment.before);
      add(moment.after);
    }
    return paths;
  }

  /// A step tells what it changed: all of it and nothing else.
  static void expect_told(const std::vector<FileChange>& changes, const Moment& moment) {
    States told = moment.before;
    for (const FileChange& change : changes) {
      EXPECT_EQ(at(moment.before, change.path), change.before) << change.path;
      if (change.after) {
        told[change.path] = *change.after;
      } else {
        told.erase(change.path);
      }
    }
    EXPECT_EQ(told, moment.after);
  }

  [[nodiscard]] States look() const {
    const Result<Tree> tree = look_at_tree(*workspace_);
    EXPECT_TRUE(tree && tree->left_out.empty());
    return tree ? states_of(*tree) : States{};
  }

  [[nodiscard]] TreeModel model_now() const {
    TreeModel model;
    const Tree tree = *look_at_tree(*workspace_, {.keep = contents_.get()});
    for (const TreeEntry& entry : tree.entries) {
      ModelNode& node = model[entry.path] = {entry.type, entry.mode};
      if (entry.type == FileType::directory) continue;
      node.content = *contents_->read(entry.content, UINT64_MAX);
    }
    return model;
  }

  [[nodiscard]] FileScene scene_() { return {*workspace_, *contents_, limits_, {}}; }

  TempDir dir_{quick_directory()};
  std::unique_ptr<AsOrdinaryUser> user_;
  std::shared_ptr<Workspace> workspace_;
  std::unique_ptr<ContentStore> contents_;
  FileLimits limits_;
  std::vector<StepChanges> steps_;
  std::vector<Moment> moments_;  ///< Of the steps, in their order.
};

TEST_P(UndoSimulation, S31_NoSeedLosesWhatSomebodyElseWrote) {
  const Seeds seeds = seeds_to_run(10'000);
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    if (seed % kShards != GetParam()) continue;
    run(seed);
    ASSERT_FALSE(HasFailure()) << how_to_repeat(seed, "*UndoSimulation*");
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, UndoSimulation, testing::Range(std::uint64_t{0}, kShards));

}  // namespace
}  // namespace tinkerbell
