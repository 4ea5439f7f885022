#pragma once

#include "tinkerbell/base/fields.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::protocol {

/// What a person has allowed for good. POST /v1/rules/{id}/remove → what it was; it allows nothing
/// from then on.
struct RuleView {
  static constexpr std::string_view kSchema = "tinkerbell.rule/1";

  std::string schema{kSchema};
  std::uint64_t number = 0;  ///< That of the approval with which it was made.
  std::string rule;          ///< All that it allows, in words.
  std::string since;
  std::string by;       ///< "uid 1000".
  std::string via;      ///< "cli", or the program that answered.
  std::string expires;  ///< Empty: never.
  bool expired = false;
  std::uint64_t used = 0;  ///< Times that something was begun for which nobody was asked.
  std::string last_used;   ///< Empty: never.

  static constexpr auto fields() {
    return described(field("schema", &RuleView::schema), field("number", &RuleView::number),
                     field("rule", &RuleView::rule), field("since", &RuleView::since),
                     field("by", &RuleView::by), field("via", &RuleView::via),
                     field("expires", &RuleView::expires), field("expired", &RuleView::expired),
                     field("used", &RuleView::used), field("last_used", &RuleView::last_used));
  }

  bool operator==(const RuleView&) const = default;
};

/// GET /v1/rules: all, by number.
struct RuleList {
  static constexpr std::string_view kSchema = "tinkerbell.rules/1";

  std::string schema{kSchema};
  std::vector<RuleView> rules;

  static constexpr auto fields() {
    return described(field("schema", &RuleList::schema), field("rules", &RuleList::rules));
  }

  bool operator==(const RuleList&) const = default;
};

}  // namespace tinkerbell::protocol
