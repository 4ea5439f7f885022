#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/effect.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Drafts: a copy of the workspace in which a task works.

namespace tinkerbell {

/// Make the draft of the calling task: a copy of its workspace, with a `.git` of its own, in which
/// all that it asks of files and programs takes place from then on. What is neither file, directory
/// nor link is left out. Errors: invalid (the task is to work in the workspace itself),
/// storage_full (the copy does not fit), denied, cancelled, io.
struct AwaitDraftOpen {
  static constexpr std::string_view kName = "draft.open";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    bool shared = false;  ///< The copy shares its blocks with the workspace until one is changed.
    std::vector<LeftInDraft> left_out;

    static constexpr auto fields() {
      return described(field("files", &Reply::files), field("bytes", &Reply::bytes),
                       field("shared", &Reply::shared), field("left_out", &Reply::left_out));
    }
  };

  static constexpr auto fields() { return described(); }
};

/// Take over what the draft in which the task works has changed: all of it or nothing. What the
/// workspace has changed meanwhile, too, is merged where the two do not touch, and else left in the
/// draft; so is what a rule forbids to write and, unless `paths` names it, what other programs act
/// upon (`.git/hooks`) or git ignores. If nothing is left, or only what git ignores, the draft is
/// removed. Errors: not_found (there is no draft, or nothing at these paths), conflict (it is not
/// what was asked about any more), denied, cancelled, io, storage_full.
struct AwaitDraftAccept {
  static constexpr std::string_view kName = "draft.accept";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;
    std::vector<LeftInDraft> left;

    static constexpr auto fields() {
      return described(field("changes", &Reply::changes), field("left", &Reply::left));
    }
  };

  std::vector<std::string> paths;    ///< Only these and what is below them; empty: all.
  std::vector<std::string> ignored;  ///< By git: files, and directories with all that is in them.
  std::string report;                ///< What speaks for it: the last programs, and how they ended.

  static constexpr auto fields() {
    return described(field("paths", &AwaitDraftAccept::paths),
                     field("ignored", &AwaitDraftAccept::ignored),
                     field("report", &AwaitDraftAccept::report));
  }
};

/// Throw away the draft in which the task works. Errors: not_found, io.
struct AwaitDraftDrop {
  static constexpr std::string_view kName = "draft.drop";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  static constexpr auto fields() { return described(); }
};

}  // namespace tinkerbell
