#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/effect.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Questions to people.

namespace tinkerbell {

/// Ask a person yes or no. Waits for ever. Errors: cancelled.
struct AwaitUserApproval {
  static constexpr std::string_view kName = "user.approval";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    bool granted = false;
    std::string reason;  ///< What the person said with it.

    static constexpr auto fields() {
      return described(field("granted", &Reply::granted), field("reason", &Reply::reason));
    }
  };

  std::string question;
  std::string preview;  ///< What the answer is about, shown below the question.

  static constexpr auto fields() {
    return described(field("question", &AwaitUserApproval::question),
                     field("preview", &AwaitUserApproval::preview));
  }
};

/// Ask a person for words. Waits for ever. Errors: denied (the person declines), cancelled.
struct AwaitUserAnswer {
  static constexpr std::string_view kName = "user.answer";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    std::string text;

    static constexpr auto fields() { return described(field("text", &Reply::text)); }
  };

  std::string question;
  std::vector<std::string> choices;  ///< What is offered. The daemon takes other words as well.

  static constexpr auto fields() {
    return described(field("question", &AwaitUserAnswer::question),
                     field("choices", &AwaitUserAnswer::choices));
  }
};

}  // namespace tinkerbell
