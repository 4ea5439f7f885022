#include "tinkerbell/syscall/standing_rules.hpp"

#include "syscall/stations.hpp"

#include "tinkerbell/syscall/syscalls.hpp"

#include <algorithm>

namespace tinkerbell {

StandingRules::StandingRules(const std::vector<KeptRule>& kept, Logger& logger) {
  for (const KeptRule& each : kept) {
    Result<StandingRule> rule = from_canonical<StandingRule>(each.body);
    if (rule && rule->number == each.number) {
      rules_.push_back(*std::move(rule));
    } else {
      logger.warn("rule.unreadable", {{"rule", each.number}});
    }
  }
}

Result<void> StandingRules::check_room() const {
  if (rules_.size() < kRulesMax) return {};
  return Error{Errc::exhausted, "there are " + std::to_string(rules_.size()) +
                                    " standing rules, the most there may be: remove some with "
                                    "`tinkerbell rules remove N`"};
}

void StandingRules::add(StandingRule rule) {
  changed_.insert(rule.number);
  rules_.insert(std::ranges::upper_bound(rules_, rule.number, {}, &StandingRule::number),
                std::move(rule));
}

void StandingRules::count_use(std::uint64_t number, WallTime now) {
  const auto found = std::ranges::find(rules_, number, &StandingRule::number);
  if (found == rules_.end()) return;
  ++found->used;
  found->last_used_unix_ns = unix_nanoseconds(now);
  changed_.insert(number);
}

std::optional<StandingRule> StandingRules::take(std::uint64_t number) {
  const auto found = std::ranges::find(rules_, number, &StandingRule::number);
  if (found == rules_.end()) return std::nullopt;
  StandingRule rule = std::move(*found);
  rules_.erase(found);
  changed_.erase(number);
  return rule;
}

std::vector<KeptRule> StandingRules::take_changed() {
  std::vector<KeptRule> changed;
  if (changed_.empty()) return changed;
  for (const StandingRule& rule : rules_) {
    if (changed_.contains(rule.number)) changed.push_back({rule.number, canonical_bytes(rule)});
  }
  changed_.clear();
  return changed;
}

/// It allows nothing from now on. In the store it goes after what was appended with it, so that
/// nothing can bring it back.
void SystemCalls::remove_rule(std::uint64_t number, Person by, Completion<StandingRule> done) {
  std::optional<StandingRule> rule = standing_.take(number);
  if (!rule) {
    done(Error{Errc::not_found, "no standing rule " + std::to_string(number)});
    return;
  }
  gate_->when_durable(parts_.journal.last_lsn(), [this, rule = *std::move(rule), by = std::move(by),
                                                  done = std::move(done)]() mutable {
    const std::uint64_t removed = rule.number;
    parts_.journal.remove_rule(
        removed, Completion<void>([this, open = std::weak_ptr<bool>(open_), rule = std::move(rule),
                                   by = std::move(by),
                                   done = std::move(done)](const Result<void>& gone) mutable {
          if (open.expired()) return;
          if (!gone) {
            done(gone.error().with("the rule allows nothing until the daemon is restarted"));
            return;
          }
          parts_.logger.info("rule.removed", {{"rule", rule.number}, {"uid", by.uid}});
          done(std::move(rule));
        }));
  });
}

void SystemCalls::list_rules(Completion<std::vector<StandingRule>> done) {
  gate_->when_durable(parts_.journal.last_lsn(), [this, done = std::move(done)]() mutable {
    done(std::vector(standing_.all().begin(), standing_.all().end()));
  });
}

}  // namespace tinkerbell
