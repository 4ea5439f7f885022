#include "drivers/process/tracking.hpp"

#include "drivers/process/sandbox.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/shim/run_directory.hpp"
#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/draft_base.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

/// What people are asked may be as old as this; what is kept is not.
constexpr std::chrono::seconds kAheadAgeMax{10};
constexpr std::size_t kLeftShownMax = 20;
constexpr std::size_t kUnknownShownMax = 3;
constexpr std::uint64_t kTreeBytesMax = std::uint64_t{4} << 30;
/// Of changes and output together: an outcome of 32 MiB is refused as a whole.
constexpr std::size_t kChangesBytesMax = std::size_t{24} << 20;

/// The path that stands for the whole directory.
constexpr std::string_view kAll = ".";

bool is_untracked(const Facts& facts) {
  return std::ranges::find(facts.left, kAll, &LeftInDraft::path) != facts.left.end();
}

/// Those errors of a look that are not merely a reason to do without it.
bool is_final(const Error& error) {
  return error.code == Errc::cancelled || error.code == Errc::storage_full;
}

Error with_advice(const Error& error) {
  if (error.code != Errc::storage_full) return error;
  Error full = error.with("keep what the program could change");
  full.message += "; make room, or set track = false in [workspace]";
  return full;
}

std::string_view in_words(LeftOutReason reason) {
  switch (reason) {
    case LeftOutReason::special:
      return "neither a file, a directory nor a link";
    case LeftOutReason::other_mount:
      return "something else is mounted there";
    case LeftOutReason::unreadable:
      return "it cannot be read";
    case LeftOutReason::changing:
      return "somebody writes to it";
    case LeftOutReason::too_large:
      return "it is too large";
    case LeftOutReason::long_path:
      return "its path is too long";
    case LeftOutReason::foreign:
      return "another owner's file";
    case LeftOutReason::excluded:
      return "it is the daemon's";
  }
  return {};
}

/// "a, b and 5 more".
std::string listed(const std::vector<std::string>& paths) {
  std::string words;
  const std::size_t shown = std::min(paths.size(), kUnknownShownMax);
  for (std::size_t i = 0; i < shown; ++i)
    words += (i == 0 ? "" : ", ") + visible_line(paths[i]);
  if (shown < paths.size()) words += " and " + std::to_string(paths.size() - shown) + " more";
  return words;
}

void add_words(std::string& to, const std::string& words) {
  if (words.empty()) return;
  if (!to.empty()) to += "; ";
  to += words;
}

/// What the later look could not see, where there may have been something.
std::vector<std::string> out_of_sight(const Tree& before, const Tree& after) {
  std::vector<std::string> paths;
  for (const LeftOut& out : after.left_out) {
    const bool nothing_lost =
        out.reason == LeftOutReason::special && before.find(out.path) == nullptr;
    if (out.reason == LeftOutReason::excluded || nothing_lost || before.is_left_out(out.path)) {
      continue;
    }
    paths.push_back(out.path);
  }
  return paths;
}

std::size_t bytes_of(const std::vector<FileChange>& changes) {
  constexpr std::size_t kStates = 120;
  std::size_t bytes = 0;
  for (const FileChange& change : changes)
    bytes += change.path.size() + kStates;
  return bytes;
}

/// Without that file the program was never executed.
bool has_begun(const fs::path& run) {
  std::error_code error;
  return fs::exists(run / kStartedFile, error);
}

}  // namespace

Result<Tree> tree_found_by(const fs::path& run) {
  const Result<std::string> bytes = read_whole_file(run / kTreeFile, kTreeBytesMax);
  if (!bytes) return bytes.error();
  CanonicalReader reader(*bytes);
  Tree tree;
  tree.read_canonical(reader);
  if (!reader.is_done()) return Error{Errc::invalid, "the tree in " + run.string() + " is damaged"};
  return tree;
}

ProgramTracking::ProgramTracking(TreeWatch& trees, const ProcessSettings& settings)
    : trees_(trees), drafts_(settings.drafts), own_(hidden_paths(settings)) {
  for (const fs::path& path : settings.read_only)
    own_.push_back(without_links(path));
}

Result<std::shared_ptr<Workspace>> ProgramTracking::place_of(const Call& call) const {
  return drafts_.open(call.workspace, call.draft);
}

TreeWatch::Look ProgramTracking::look_for(const Call& call, const std::stop_token& stop) const {
  TreeWatch::Look look{.stop = stop};
  std::vector<std::string> own;
  for (const fs::path& path : own_) {
    if (is_within(path, call.workspace)) own.push_back(path.lexically_relative(call.workspace));
  }
  if (!own.empty()) {
    look.excludes = [own = std::move(own)](std::string_view path) {
      return std::ranges::any_of(own, [&](std::string_view each) {
        return path.starts_with(each) && (path.size() == each.size() || path[each.size()] == '/');
      });
    };
  }
  if (call.draft != kNoTask) {
    look.earlier = [drafts = drafts_, draft = call.draft]() -> Result<Tree> {
      Result<DraftBase> base = read_base(drafts, draft);
      if (!base) return base.error();
      return std::move(base->copied);
    };
  }
  return look;
}

// ---- before ----

std::vector<LeftInDraft> ProgramTracking::not_kept(const Tree& tree) const {
  std::vector<LeftInDraft> left;
  std::size_t more = 0;
  const auto add = [&](const std::string& path, std::string why) {
    if (left.size() < kLeftShownMax) {
      left.push_back({path, std::move(why)});
    } else {
      ++more;
    }
  };
  for (const TreeEntry& entry : tree.entries) {
    if (entry.type != FileType::file || trees_.is_kept(entry)) continue;
    add(entry.path, "it is larger than " + in_bytes(trees_.bounds().kept_file_max));
  }
  for (const LeftOut& out : tree.left_out) {
    if (out.reason != LeftOutReason::excluded) add(out.path, std::string(in_words(out.reason)));
  }
  if (more > 0) left.push_back({"", "and " + std::to_string(more) + " more"});
  return left;
}

Result<std::vector<LeftInDraft>> ProgramTracking::look_ahead(const Call& call,
                                                             const std::stop_token& stop) {
  const Result<std::shared_ptr<Workspace>> place = place_of(call);
  if (!place) return place.error();
  TreeWatch::Look how = look_for(call, stop);
  how.age_max = kAheadAgeMax;
  const Result<std::shared_ptr<const Tree>> tree = trees_.look(**place, how);
  if (tree) return not_kept(**tree);
  if (is_final(tree.error())) return with_advice(tree.error());
  return std::vector<LeftInDraft>{{std::string(kAll), "nothing of it: " + tree.error().message}};
}

Result<std::string> ProgramTracking::keep(const Call& call, const std::stop_token& stop) {
  if (is_untracked(call.facts)) return std::string();
  const Result<std::shared_ptr<Workspace>> place = place_of(call);
  if (!place) return place.error();
  const Result<std::shared_ptr<const Tree>> tree = trees_.look(**place, look_for(call, stop));
  if (!tree && is_final(tree.error())) return with_advice(tree.error());
  if (!tree) {
    return Error{Errc::conflict,
                 "what the program could change cannot be kept any more: " + tree.error().message};
  }
  const std::vector<LeftInDraft>& said = call.facts.left;
  for (const LeftInDraft& left : not_kept(**tree)) {
    if (std::ranges::find(said, left) != said.end()) continue;
    return Error{Errc::conflict,
                 "what the program could change is not kept as it was when this was asked: " +
                     visible_line(left.path) + " (" + left.why + ")"};
  }
  if (Result<void> synced = trees_.sync(); !synced) return with_advice(synced.error());
  CanonicalWriter writer;
  (*tree)->write_canonical(writer);
  return writer.take();
}

// ---- after ----

ProgramTracking::Found ProgramTracking::compare(const Call& call, const Tree& before,
                                                const std::stop_token& stop) {
  const auto nothing_known = [](const Error& why) {
    return Found{{}, "what it changed is not known: " + why.message};
  };
  const Result<std::shared_ptr<Workspace>> place = place_of(call);
  if (!place) return nothing_known(place.error());
  TreeWatch::Look how = look_for(call, stop);
  how.earlier = [&before] { return Result<Tree>(before); };
  Found found;
  Result<std::shared_ptr<const Tree>> after = trees_.look(**place, how);
  Result<void> kept = after ? trees_.sync() : Result<void>(after.error());
  if (!kept) found.unknown = "what it wrote is not kept: " + kept.error().message;
  if (!after) {
    Result<Tree> seen = trees_.look_without_keeping(**place, how);
    if (!seen) return nothing_known(seen.error());
    after = std::make_shared<const Tree>(*std::move(seen));
  }
  found.changes = changes_between(before, **after);
  if (const auto unseen = out_of_sight(before, **after); !unseen.empty()) {
    add_words(found.unknown, "what became of " + listed(unseen) + " is not known");
  }
  return found;
}

Result<Reply> ProgramTracking::with_changes(const Call& call, const fs::path& run,
                                            Result<Reply> outcome, const std::stop_token& stop) {
  if (!has_begun(run)) return outcome;
  const Result<Tree> before = tree_found_by(run);
  if (!before && before.error().code == Errc::not_found) return outcome;
  Found found = before ? compare(call, *before, stop)
                       : Found{{}, "what it changed is not known: " + before.error().message};
  auto* const reply = outcome ? &std::get<AwaitProcess::Reply>(*outcome) : nullptr;
  const std::size_t others = reply == nullptr ? 0 : reply->output.size();
  if (bytes_of(found.changes) + others > kChangesBytesMax) {
    add_words(found.unknown, "it changed " + std::to_string(found.changes.size()) +
                                 " paths, too many to note which");
    found.changes.clear();
  }
  if (reply != nullptr) {
    reply->changes = std::move(found.changes);
    add_words(reply->note, found.unknown);
    return outcome;
  }
  Error error = outcome.error();
  add_words(error.message, found.unknown);
  if (!found.changes.empty()) {
    error.rejected =
        std::make_shared<const Reply>(AwaitProcess::Reply{.changes = std::move(found.changes)});
  }
  return error;
}

}  // namespace tinkerbell
