#include "tinkerbell/workspace/merge.hpp"

#include "workspace/line_merge.hpp"
#include "workspace/path_union.hpp"

#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/diff.hpp"

#include <array>
#include <unordered_map>

namespace tinkerbell {

namespace {

using State = std::optional<FileState>;

/// What is to become of one path.
struct Decision {
  const std::string& path;
  State base;
  State ours;
  State theirs;
  State result;  ///< What the workspace is to have: ours, unless it is a change.
  std::optional<ConflictReason> conflict{};

  void give_up(ConflictReason why) {
    conflict = why;
    result = ours;
  }

  [[nodiscard]] bool makes_directory() const {
    return result && result->type == FileType::directory;
  }
};

/// The one of two values that a side changed, if not both did.
template <class T>
std::optional<T> changed_one(const T& base, const T& ours, const T& theirs) {
  if (ours == theirs || theirs == base) return ours;
  if (ours == base) return theirs;
  return std::nullopt;
}

bool is_file(const State& state) {
  return state && state->type == FileType::file;
}

class MergeTrees {
 public:
  MergeTrees(const Tree& base, const Tree& ours, const Tree& theirs, ContentStore& store)
      : base_(base), ours_(ours), theirs_(theirs), store_(store) {}

  Result<TreeMerge> run() && {
    Result<void> decided;
    for_each_path(std::array{&base_, &ours_, &theirs_},
                  [&](const std::string& path, const std::array<const TreeEntry*, 3>& entries) {
                    if (decided) decided = decide(path, entries);
                  });
    if (!decided) return decided.error();
    keep_a_tree();
    for (Decision& decision : decisions_)
      tell(decision);
    return std::move(merge_);
  }

 private:
  Result<void> decide(const std::string& path, const std::array<const TreeEntry*, 3>& entries) {
    Decision decision{path, state_at(entries[0]), state_at(entries[1]), state_at(entries[2]), {}};
    decision.result = decision.ours;
    if (theirs_.is_left_out(path)) decision.theirs = decision.base;
    if (decision.theirs != decision.base) {
      if (ours_.is_left_out(path)) {
        decision.give_up(ConflictReason::not_seen);
      } else if (decision.ours == decision.base) {
        decision.result = decision.theirs;
      } else if (decision.ours != decision.theirs) {
        if (Result<void> merged = merge_files(decision); !merged) return merged;
      }
    }
    place_of_.emplace(path, decisions_.size());
    decisions_.push_back(std::move(decision));
    return {};
  }

  /// Both sides have changed it.
  Result<void> merge_files(Decision& decision) {
    decision.give_up(ConflictReason::both_changed);
    const auto& [path, base, ours, theirs, result, conflict] = decision;
    if (!is_file(base) || !is_file(ours) || !is_file(theirs)) return {};
    const auto mode = changed_one(base->mode, ours->mode, theirs->mode);
    if (!mode) return {};
    const auto content = changed_one(base->content, ours->content, theirs->content);
    if (content) {
      const bool of_ours = *content == ours->content;
      take(decision, {FileType::file, *mode, *content, of_ours ? ours->bytes : theirs->bytes});
      return {};
    }
    Result<std::optional<std::string>> text = merge_texts(*base, *ours, *theirs);
    if (!text) return text.error().with("merge " + path);
    if (!*text) return {};
    Result<Sha256> kept = store_.put(**text);
    if (!kept) return kept.error().with("merge " + path);
    take(decision, {FileType::file, *mode, *kept, (*text)->size()});
    merge_.line_merged.push_back(path);
    return {};
  }

  static void take(Decision& decision, FileState state) {
    decision.result = state;
    decision.conflict.reset();
  }

  Result<std::optional<std::string>> merge_texts(const FileState& base, const FileState& ours,
                                                 const FileState& theirs) const {
    std::array<std::string, 3> texts;
    for (std::size_t i = 0; const FileState* state : {&base, &ours, &theirs}) {
      if (state->bytes > kMergeBytesMax) return std::optional<std::string>();
      Result<std::string> text = store_.read(state->content, kMergeBytesMax);
      if (!text && text.error().code == Errc::not_found) return std::optional<std::string>();
      if (!text) return text.error();
      if (looks_binary(*text)) return std::optional<std::string>();
      texts[i++] = *std::move(text);
    }
    return merged_lines(texts[0], texts[1], texts[2]);
  }

  /// Each path was decided alone. Now nothing may be without a directory around it: what theirs
  /// would put there is refused, and what ours has keeps its directories.
  void keep_a_tree() {
    for (Decision& decision : decisions_) {
      Decision* const parent = above(decision.path);
      if (!decision.result || parent == nullptr || parent->makes_directory()) continue;
      if (decision.result != decision.ours) decision.give_up(ConflictReason::no_directory);
      if (decision.ours) keep_directories(decision.path);
    }
    for (const LeftOut& out : ours_.left_out)
      keep_directories(out.path);
  }

  /// The directories above a path that ours has.
  void keep_directories(std::string_view path) {
    for (Decision* each = above(path); each != nullptr; each = above(each->path)) {
      if (!each->makes_directory()) each->give_up(ConflictReason::not_empty);
    }
  }

  Decision* above(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return nullptr;
    const auto found = place_of_.find(path.substr(0, slash));
    return found == place_of_.end() ? nullptr : &decisions_[found->second];
  }

  void tell(Decision& decision) {
    if (decision.conflict) {
      merge_.conflicts.push_back(
          {decision.path, *decision.conflict, decision.base, decision.ours, decision.theirs});
    } else if (decision.result != decision.ours) {
      merge_.changes.push_back({decision.path, decision.ours, decision.result});
    }
  }

  const Tree& base_;
  const Tree& ours_;
  const Tree& theirs_;
  ContentStore& store_;
  std::vector<Decision> decisions_;
  std::unordered_map<std::string_view, std::size_t> place_of_;
  TreeMerge merge_;
};

}  // namespace

Result<TreeMerge> merge_trees(const Tree& base, const Tree& ours, const Tree& theirs,
                              ContentStore& store) {
  return MergeTrees(base, ours, theirs, store).run();
}

}  // namespace tinkerbell
