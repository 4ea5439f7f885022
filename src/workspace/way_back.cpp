#include "tinkerbell/workspace/way_back.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace tinkerbell {

namespace {

using State = std::optional<FileState>;

/// What one step says of a path.
struct Told {
  const StepChanges* step = nullptr;
  const FileChange* change = nullptr;
};

/// What is said of a path by steps of which each overlaps with another one.
struct Period {
  std::vector<Told> told;  ///< By when they started.
  Lsn started{0};
  Lsn ended{0};

  [[nodiscard]] const Told& last() const {
    return *std::ranges::max_element(told, {}, [](const Told& each) { return each.step->ended; });
  }

  [[nodiscard]] bool found(const State& state) const {
    return std::ranges::any_of(told,
                               [&](const Told& each) { return each.change->before == state; });
  }

  [[nodiscard]] bool left(const State& state) const {
    return std::ranges::any_of(told, [&](const Told& each) { return each.change->after == state; });
  }

  /// What the first of them found. That one started before the others; but a step that had started
  /// may have come to the path only when another one had left it so.
  [[nodiscard]] const Told& first() const {
    const auto found =
        std::ranges::find_if(told, [this](const Told& each) { return !left(each.change->before); });
    return found == told.end() ? told.front() : *found;
  }
};

std::vector<Period> periods_of(std::vector<Told> told) {
  std::ranges::sort(told, {}, [](const Told& each) { return each.step->started; });
  std::vector<Period> periods;
  for (const Told& each : told) {
    const StepChanges& step = *each.step;
    if (periods.empty() || step.started >= periods.back().ended) {
      periods.push_back({.told = {}, .started = step.started, .ended = step.ended});
    }
    periods.back().told.push_back(each);
    periods.back().ended = std::max(periods.back().ended, step.ended);
  }
  return periods;
}

/// What is told of one path.
class History {
 public:
  void add(const Told& told) { told_.push_back(told); }

  [[nodiscard]] State at(Lsn lsn) const {
    const std::optional<Told> newest = newest_until(lsn);
    return newest ? newest->change->after
                  : periods_of(later_than(lsn)).front().first().change->before;
  }

  /// How the steps left it.
  [[nodiscard]] const State& now() const { return newest_until(Lsn{UINT64_MAX})->change->after; }

  [[nodiscard]] CommandId newest_step() const { return newest_until(Lsn{UINT64_MAX})->step->step; }

  struct Return {
    State to;
    std::optional<WrittenBetween> between;
    Lsn when{0};  ///< At which record it was so.
  };

  /// Where it goes back to, if it was changed after that record at all.
  [[nodiscard]] std::optional<Return> back_to(Lsn lsn) const {
    const std::vector<Period> later = periods_of(later_than(lsn));
    if (later.empty()) return std::nullopt;
    Return back{.to = at(lsn), .between = {}, .when = lsn};
    State expected = back.to;
    std::optional<Told> left_by = newest_until(lsn);
    for (const Period& period : later) {
      // Of a step that overlaps with this period nobody knows what was left to find.
      const bool follows = left_by && left_by->step->ended <= period.started;
      if (follows && !period.found(expected)) {
        const Told& found_by = period.first();
        back = {.to = found_by.change->before,
                .between = WrittenBetween{.path = found_by.change->path,
                                          .earlier = left_by->step->step,
                                          .later = found_by.step->step},
                .when = period.started};
      }
      left_by = period.last();
      expected = left_by->change->after;
    }
    return back;
  }

 private:
  [[nodiscard]] std::vector<Told> later_than(Lsn lsn) const {
    std::vector<Told> later;
    std::ranges::copy_if(told_, std::back_inserter(later),
                         [lsn](const Told& each) { return each.step->ended > lsn; });
    return later;
  }

  [[nodiscard]] std::optional<Told> newest_until(Lsn lsn) const {
    std::optional<Told> newest;
    for (const Told& each : told_) {
      if (each.step->ended > lsn) continue;
      if (!newest || each.step->ended > newest->step->ended) newest = each;
    }
    return newest;
  }

  std::vector<Told> told_;
};

using Histories = std::map<std::string, History>;

Histories histories_of(std::span<const StepChanges> steps) {
  Histories histories;
  for (const StepChanges& step : steps) {
    for (const FileChange& change : step.changes)
      histories[change.path].add({&step, &change});
  }
  return histories;
}

bool is_directory(const State& state) {
  return state && state->type == FileType::directory;
}

/// The directories above a path that are in the map.
template <class Visit>
void for_each_above(const std::string& path, const auto& map, const Visit& visit) {
  for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    const auto found = map.find(path.substr(0, at));
    if (found != map.end()) visit(found->first);
  }
}

using Returns = std::map<std::string, History::Return>;

/// What somebody else wrote stays in its directory: one that a step made stays, and one that a step
/// removed comes back.
void keep_directories(const Histories& histories, Returns& returns) {
  std::map<std::string, Lsn> needed;
  for (const auto& [path, back] : returns) {
    if (!back.between || !back.to) continue;
    for_each_above(path, returns,
                   [&](const std::string& above) { needed.try_emplace(above, back.when); });
  }
  for (const auto& [path, when] : needed) {
    History::Return& back = returns.at(path);
    if (is_directory(back.to)) continue;
    State then = histories.at(path).at(when);
    if (is_directory(then)) back.to = std::move(then);
  }
}

/// Where somebody else has put something in the place of a directory, what the steps left in it is
/// gone, and what was in it before that does not come back.
std::vector<WrittenBetween> take_out_what_is_gone(const Histories& histories, Returns& returns) {
  std::map<std::string, std::optional<WrittenBetween>> gone;
  for (const auto& [path, back] : returns) {
    const History& history = histories.at(path);
    for_each_above(path, returns, [&](const std::string& above) {
      const History& directory = histories.at(above);
      const History::Return& goes = returns.at(above);
      const bool was_replaced = history.now() && !is_directory(directory.now());
      const bool will_be = back.to && !is_directory(goes.to) && goes.when >= back.when;
      if (!was_replaced && !will_be) return;
      auto& between = gone[path];
      if (back.to) between = {path, history.newest_step(), directory.newest_step()};
    });
  }
  std::vector<WrittenBetween> others;
  for (auto& [path, between] : gone) {
    returns.erase(path);
    if (between) others.push_back(*std::move(between));
  }
  return others;
}

}  // namespace

WayBack way_back(std::span<const StepChanges> steps, Lsn after) {
  const Histories histories = histories_of(steps);
  Returns returns;
  for (const auto& [path, history] : histories) {
    if (auto back = history.back_to(after)) returns.emplace(path, *std::move(back));
  }
  WayBack way{.changes = {}, .others = take_out_what_is_gone(histories, returns)};
  keep_directories(histories, returns);
  for (auto& [path, back] : returns) {
    if (back.between) way.others.push_back(*std::move(back.between));
    const State& now = histories.at(path).now();
    if (now != back.to) way.changes.push_back({path, now, std::move(back.to)});
  }
  std::ranges::sort(way.others, {}, &WrittenBetween::path);
  return way;
}

std::map<std::string, std::optional<FileState>> states_at(std::span<const StepChanges> steps,
                                                          Lsn at) {
  std::map<std::string, std::optional<FileState>> states;
  for (const auto& [path, history] : histories_of(steps))
    states.emplace(path, history.at(at));
  return states;
}

}  // namespace tinkerbell
