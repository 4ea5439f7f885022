#include "tinkerbell/workspace/apply.hpp"

#include "workspace/beneath.hpp"
#include "workspace/change_plan.hpp"
#include "workspace/directory_names.hpp"
#include "workspace/file_content.hpp"
#include "workspace/path_text.hpp"
#include "workspace/staging.hpp"
#include "workspace/standing.hpp"
#include "workspace/sync_many.hpp"
#include "workspace/temporary_file.hpp"
#include "workspace/workspace_access.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ranges>
#include <set>

namespace tinkerbell {

namespace {

constexpr std::uint32_t kOpenedBits = 0700;
constexpr std::uint32_t kMadeMode = 0700;  // of a directory of ours, until all is in it
constexpr std::uint32_t kSpecialBits = 07000;
constexpr std::uint32_t kPermissionsOfDirectory = 0777;

/// Sets what everybody may do with a directory; what it gives to its group stays.
Result<void> set_directory_mode(int fd, std::uint32_t mode, const std::string& path) {
  Result<struct stat> status = status_of(fd, path);
  if (!status) return status.error();
  const std::uint32_t now = status->st_mode & (kSpecialBits | kPermissionsOfDirectory);
  const std::uint32_t wanted = (now & kSpecialBits) | mode;
  if (wanted != now && ::fchmod(fd, wanted) != 0) return path_error("set the mode of", path, errno);
  return {};
}

/// One attempt to bring a workspace from one tree to another one.
class Apply {
 public:
  Apply(const Workspace& workspace, const ChangePlan& plan, const ContentStore& store,
        const Applying& applying)
      : root_(WorkspaceAccess::root(workspace)),
        owner_(WorkspaceAccess::owner(workspace)),
        plan_(plan),
        store_(store),
        applying_(applying),
        staging_(root_, applying.key) {}

  enum class Attempt : std::uint8_t { first, again };

  Result<Applied> run(Attempt attempt) {
    if (plan_.paths().empty()) return Applied{};
    Result<Staging::Modes> opened = staging_.opened();
    if (!opened) return opened.error();
    opened_ = *std::move(opened);
    was_opened_ = !opened_.empty();
    Result<std::vector<Obstacle>> obstacles = look(attempt);
    if (!obstacles) return obstacles.error();
    if (!obstacles->empty()) return Applied{ApplyEnd::refused, *std::move(obstacles)};
    if (attempt == Attempt::again && std::ranges::all_of(places_, &Place::is_before)) {
      Result<void> undone = give_modes_back();
      if (undone) undone = clear();
      if (!undone) return undone.error();
      return Applied{ApplyEnd::not_begun, {}};
    }
    return make_changes();
  }

  Result<Outlook> outlook() {
    Outlook outlook;
    for (const PlannedPath& planned : plan_.paths()) {
      Result<Standing> standing = standing_at(root_, planned);
      if (!standing) return standing.error();
      const Place place{planned, *std::move(standing)};
      if (place.is_after() && !place.standing.other) {
        outlook.as_after.push_back(planned.path);
        continue;
      }
      Result<std::string> reason = obstacle_at(place, Attempt::first);
      if (!reason) return reason.error();
      if (!reason->empty()) {
        outlook.obstacles.push_back({planned.path, *std::move(reason)});
      } else if (!is_kept(planned)) {
        outlook.not_kept.push_back(planned.path);
      }
    }
    return outlook;
  }

 private:
  struct Place {
    const PlannedPath& planned;
    Standing standing{};

    [[nodiscard]] bool is_before() const { return standing.state == planned.before; }

    [[nodiscard]] bool is_after() const { return standing.state == planned.after; }

    /// A directory that an earlier attempt made, without its mode yet.
    [[nodiscard]] bool is_made() const {
      return planned.becomes(FileType::directory) && !planned.was(FileType::directory) &&
             standing.state && standing.state->type == FileType::directory &&
             standing.state->mode == kMadeMode;
    }

    [[nodiscard]] bool is_to_do() const { return !is_after() && !is_made(); }

    /// By a rename that puts one thing in the place of the other and keeps both.
    [[nodiscard]] bool is_exchange() const {
      return planned.before && planned.after && planned.before->type != planned.after->type &&
             (planned.was(FileType::directory) || planned.becomes(FileType::directory));
    }

    /// The file stays, and no other name of it gets another mode.
    [[nodiscard]] bool is_mode_only() const {
      return keeps_content(planned) && standing.status.stx_nlink == 1;
    }

    [[nodiscard]] bool is_staged() const {
      return planned.after && is_to_do() && !is_mode_only() &&
             (!planned.becomes(FileType::directory) || is_exchange());
    }
  };

  void step(std::string_view name, const std::string& path) const {
    if (applying_.observe) applying_.observe(name, path);
  }

  // ---- looking ----

  /// Whether there is the content that a path is to get.
  [[nodiscard]] bool is_kept(const PlannedPath& planned) const {
    if (!planned.after || planned.becomes(FileType::directory)) return true;
    return keeps_content(planned) || store_.has(planned.after->content);
  }

  Result<std::vector<Obstacle>> look(Attempt attempt) {
    std::vector<Obstacle> obstacles;
    for (const PlannedPath& planned : plan_.paths()) {
      Result<Standing> standing = standing_at(root_, planned);
      if (!standing) return standing.error();
      Place& place = places_.emplace_back(planned, *std::move(standing));
      disregard_opening(place);
      Result<std::string> reason = obstacle_at(place, attempt);
      if (!reason) return reason.error();
      if (!reason->empty()) obstacles.push_back({planned.path, *std::move(reason)});
    }
    return obstacles;
  }

  /// A directory that an earlier attempt opened up counts as it was.
  void disregard_opening(Place& place) const {
    const auto opened = opened_.find(place.planned.path);
    std::optional<FileState>& state = place.standing.state;
    if (opened != opened_.end() && state && state->type == FileType::directory &&
        state->mode == (opened->second | kOpenedBits)) {
      state->mode = opened->second;
    }
  }

  /// Empty: there is none.
  Result<std::string> obstacle_at(const Place& place, Attempt attempt) const {
    const bool expected = place.is_before() || (attempt == Attempt::again && !place.is_to_do());
    if (place.standing.other || !expected) return std::string(kNotAsExpected);
    if (!place.is_to_do()) return std::string();
    const struct statx& status = place.standing.status;
    if (place.planned.was(FileType::file) && status.stx_nlink > 1 && status.stx_uid != owner_) {
      return std::string("is a hard link to a file of another owner");
    }
    if (place.planned.directory_goes()) return what_else_is_in(place.planned.path);
    const std::string parent = split_leaf(place.planned.path).first;
    if (place.planned.after && plan_.find(parent) == nullptr) {
      Result<std::optional<UniqueFd>> above = directory_above(root_, place.planned.path);
      if (!above) return above.error();
      if (!*above) return std::string("has no directory above it");
    }
    return std::string();
  }

  /// Of a directory that goes: what would not go with it.
  Result<std::string> what_else_is_in(const std::string& path) const {
    Result<UniqueFd> directory = open_directory(root_, path);
    if (!directory) return directory.error();
    Result<std::vector<std::string>> names = names_in(directory->get(), path);
    if (!names) return names.error();
    for (const std::string& name : *names) {
      if (plan_.find(joined_path(path, name)) == nullptr) return "also holds " + visible_line(name);
    }
    return std::string();
  }

  // ---- doing ----

  Result<Applied> make_changes() {
    Result<void> staged = stage();
    Result<std::vector<Obstacle>> touched =
        staged ? touched_since() : Result<std::vector<Obstacle>>(staged.error());
    if (touched && touched->empty()) {
      if (Result<void> open = open_up(); !open) {
        (void)give_modes_back();
        touched = open.error();
      }
    }
    if (!touched || !touched->empty()) {
      // If an earlier attempt has opened something up, its list must stay.
      if (!was_opened_) (void)staging_.clear();
      if (!touched) return touched.error();
      return Applied{ApplyEnd::refused, *std::move(touched)};
    }
    Result<void> done = remove_old();
    if (done) done = put_new();
    if (done) done = set_directory_modes();
    if (done) done = sync_changed();
    if (done) done = give_modes_back();
    if (done) done = clear();
    if (!done) return done.error();
    return Applied{};
  }

  Result<void> stage() {
    Result<void> staged = find_closed_directories();
    step("stage", "");
    if (staged) staged = staging_.begin();
    if (staged && std::ranges::any_of(places_, &Place::is_exchange)) {
      staged = staging_.check_exchange();
    }
    for (std::size_t i = 0; i < places_.size() && staged; ++i) {
      if (!places_[i].is_staged()) continue;
      step("stage", places_[i].planned.path);
      staged = stage_one(i);
    }
    step("sync what is staged", "");
    return staged ? staging_.finish(opened_) : staged;
  }

  /// Directories in which a name is to change, and ones that move, if we may not write to them.
  Result<void> find_closed_directories() {
    std::set<std::string> wanted;
    for (const Place& place : places_) {
      if (!place.is_to_do()) continue;
      if (!place.is_mode_only()) wanted.insert(split_leaf(place.planned.path).first);
      if (place.planned.directory_goes()) wanted.insert(place.planned.path);
    }
    for (const std::string& path : wanted) {
      Result<UniqueFd> directory = open_directory(root_, path);
      if (!directory) continue;  // it is still to be made
      if (::faccessat(directory->get(), ".", W_OK | X_OK, AT_EACCESS) == 0) continue;
      Result<struct stat> status = status_of(directory->get(), path);
      if (!status) return status.error();
      opened_.try_emplace(path, status->st_mode & kPermissionsOfDirectory);
    }
    return {};
  }

  Result<void> stage_one(std::size_t i) {
    const Place& place = places_[i];
    switch (place.planned.after->type) {
      case FileType::directory:
        return staging_.create_directory(i);
      case FileType::link: {
        Result<std::string> target = store_.read(place.planned.after->content, PATH_MAX);
        return target ? staging_.create_link(i, *target) : Result<void>(target.error());
      }
      case FileType::file: {
        Result<UniqueFd> file = staging_.create_file(i);
        return file ? fill(file->get(), place) : Result<void>(file.error());
      }
    }
    return {};
  }

  Result<void> fill(int fd, const Place& place) const {
    const auto& [path, before, after] = place.planned;
    Result<void> filled = store_.copy_to(after->content, fd);
    if (!filled && filled.error().code == Errc::not_found && keeps_content(place.planned)) {
      filled = fill_from_itself(fd, place);
    }
    if (!filled) return filled.error().with(visible_line(path));
    if (place.planned.was(FileType::file)) {
      give_file_to(fd, place.standing.status.stx_uid, place.standing.status.stx_gid);
    }
    if (::fchmod(fd, after->mode) != 0) return path_error("set the mode of", path, errno);
    return {};
  }

  /// A file that gets only another mode: it need not be in the store.
  static bool keeps_content(const PlannedPath& planned) {
    return planned.was(FileType::file) && planned.becomes(FileType::file) &&
           planned.before->content == planned.after->content;
  }

  Result<void> fill_from_itself(int fd, const Place& place) const {
    Result<OpenFile> file = open_regular(root_, place.planned.path);
    if (!file) return file.error();
    Result<ContentSum> sum = copy_content(file->fd.get(), fd, {}, place.planned.path);
    if (!sum) return sum.error();
    if (sum->sha256 != place.planned.after->content) {
      return Error{Errc::conflict, "somebody writes to it"};
    }
    return {};
  }

  /// Staging takes its time. What others have done meanwhile must not be lost.
  Result<std::vector<Obstacle>> touched_since() const {
    std::vector<Obstacle> touched;
    for (const Place& place : places_) {
      Result<bool> same = still_stands(root_, place.planned.path, place.standing);
      if (!same) return same.error();
      if (!*same) touched.push_back({place.planned.path, std::string(kNotAsExpected)});
    }
    return touched;
  }

  Result<void> open_up() const {
    for (const auto& [path, mode] : opened_) {
      step("open up", path);
      Result<UniqueFd> directory = open_directory(root_, path);
      if (!directory && is_gone(directory.error())) continue;
      if (!directory) return directory.error();
      Result<void> set = set_directory_mode(directory->get(), mode | kOpenedBits, path);
      if (!set) return set;
    }
    return {};
  }

  static bool is_gone(const Error& error) {
    return error.code == Errc::not_found || error.code == Errc::invalid ||
           error.code == Errc::conflict;
  }

  /// What goes, and directories that become something else: contents before their directory.
  Result<void> remove_old() {
    for (std::size_t i = places_.size(); i-- > 0;) {
      const Place& place = places_[i];
      if (!place.is_to_do()) continue;
      Result<void> done;
      if (!place.planned.after) {
        done = remove(place.planned);
      } else if (place.planned.directory_goes()) {
        done = put(i, "exchange", RENAME_EXCHANGE);
      }
      if (!done) return done;
    }
    return {};
  }

  Result<void> remove(const PlannedPath& planned) const {
    step("remove", planned.path);
    const auto [parent, leaf] = split_leaf(planned.path);
    Result<UniqueFd> directory = open_directory(root_, parent);
    if (!directory) return directory.error();
    const int flags = planned.was(FileType::directory) ? AT_REMOVEDIR : 0;
    if (::unlinkat(directory->get(), leaf.c_str(), flags) == 0) return {};
    if (errno == ENOTEMPTY) return Error{Errc::conflict, visible_line(planned.path) + " is in use"};
    return path_error("remove", planned.path, errno);
  }

  /// Directories before their contents.
  Result<void> put_new() {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const Place& place = places_[i];
      if (!place.is_to_do() || !place.planned.after || place.planned.directory_goes()) continue;
      Result<void> done = put_one(i);
      if (!done) return done;
    }
    return {};
  }

  Result<void> put_one(std::size_t i) {
    const Place& place = places_[i];
    if (place.is_exchange()) return put(i, "exchange", RENAME_EXCHANGE);
    if (place.planned.becomes(FileType::directory)) {
      return place.planned.before ? Result<void>() : make_directory(place.planned.path);
    }
    if (place.is_mode_only()) return set_mode(place.planned);
    return place.planned.before ? put(i, "replace", 0) : put(i, "put", RENAME_NOREPLACE);
  }

  Result<void> put(std::size_t i, std::string_view name, unsigned flags) {
    const std::string& path = places_[i].planned.path;
    step(name, path);
    const auto [parent, leaf] = split_leaf(path);
    Result<UniqueFd> directory = open_directory(root_, parent);
    if (!directory) return directory.error();
    return staging_.rename_to(i, directory->get(), leaf, flags, path);
  }

  Result<void> make_directory(const std::string& path) const {
    step("make directory", path);
    const auto [parent, leaf] = split_leaf(path);
    Result<UniqueFd> directory = open_directory(root_, parent);
    if (!directory) return directory.error();
    if (::mkdirat(directory->get(), leaf.c_str(), kMadeMode) == 0) return {};
    return path_error("make directory", path, errno);
  }

  Result<void> set_mode(const PlannedPath& planned) const {
    step("set mode", planned.path);
    Result<OpenFile> file = open_regular(root_, planned.path);
    if (!file) return file.error();
    if (::fchmod(file->fd.get(), planned.after->mode) == 0) return {};
    return path_error("set the mode of", planned.path, errno);
  }

  /// Last, and those below first: some may not be written to afterwards.
  Result<void> set_directory_modes() {
    for (const Place& place : places_ | std::views::reverse) {
      if (!place.planned.becomes(FileType::directory)) continue;
      Result<void> set = set_mode_of(place.planned.path, place.planned.after->mode);
      if (!set) return set;
      opened_.erase(place.planned.path);
    }
    return {};
  }

  Result<void> give_modes_back() const {
    std::vector<std::string> closed;
    for (const auto& [path, mode] : opened_ | std::views::reverse) {
      Result<void> set = set_mode_of(path, mode);
      if (!set && is_gone(set.error())) continue;
      if (!set) return set;
      closed.push_back(path);
    }
    return sync_many(root_, closed);
  }

  Result<void> set_mode_of(const std::string& path, std::uint32_t mode) const {
    step("set mode", path);
    Result<UniqueFd> directory = open_directory(root_, path);
    return directory ? set_directory_mode(directory->get(), mode, path)
                     : Result<void>(directory.error());
  }

  /// The names that changed, and the modes.
  Result<void> sync_changed() const {
    std::set<std::string> changed;
    for (const Place& place : places_) {
      const std::string parent = split_leaf(place.planned.path).first;
      const PlannedPath* const above = plan_.find(parent);
      if (above == nullptr || above->becomes(FileType::directory)) changed.insert(parent);
      if (place.planned.becomes(FileType::directory) || place.is_mode_only()) {
        changed.insert(place.planned.path);
      }
    }
    step("sync", "");
    return sync_many(root_, std::vector(changed.begin(), changed.end()));
  }

  Result<void> clear() {
    step("clear", "");
    return staging_.clear();
  }

  int root_;
  uid_t owner_;
  const ChangePlan& plan_;
  const ContentStore& store_;
  const Applying& applying_;
  Staging staging_;
  Staging::Modes opened_;    ///< What was or must be opened up, with the modes to be given back.
  bool was_opened_ = false;  ///< Some of it, by an earlier attempt.
  std::vector<Place> places_;
};

}  // namespace

Result<Applied> apply_changes(const Workspace& workspace, const std::vector<FileChange>& changes,
                              const ContentStore& store, const Applying& applying) {
  Result<ChangePlan> plan = ChangePlan::of(changes);
  if (!plan) return plan.error();
  return Apply(workspace, *plan, store, applying).run(Apply::Attempt::first);
}

Result<Applied> recover_changes(const Workspace& workspace, const std::vector<FileChange>& changes,
                                const ContentStore& store, const Applying& applying) {
  Result<ChangePlan> plan = ChangePlan::of(changes);
  if (!plan) return plan.error();
  return Apply(workspace, *plan, store, applying).run(Apply::Attempt::again);
}

Result<void> check_changes(const std::vector<FileChange>& changes) {
  Result<ChangePlan> plan = ChangePlan::of(changes);
  return plan ? Result<void>() : plan.error();
}

Result<Outlook> outlook_of_changes(const Workspace& workspace,
                                   const std::vector<FileChange>& changes,
                                   const ContentStore& store) {
  Result<ChangePlan> plan = ChangePlan::of(changes);
  if (!plan) return plan.error();
  const Applying none;
  return Apply(workspace, *plan, store, none).outlook();
}

}  // namespace tinkerbell
