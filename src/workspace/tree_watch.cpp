#include "tinkerbell/workspace/tree_watch.hpp"

#include "workspace/file_status.hpp"

#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::size_t kPlacesMax = 8;
/// Together; some 200 bytes each.
constexpr std::size_t kEntriesHeldMax = 300'000;

bool is_young(const Tree& tree, std::chrono::nanoseconds age_max) {
  const std::int64_t age = file_clock_ns() - tree.looked_ns;
  return age >= 0 && age < age_max.count();
}

bool is_gone(const std::string& path) {
  std::error_code failed;
  return std::filesystem::symlink_status(path, failed).type() ==
         std::filesystem::file_type::not_found;
}

}  // namespace

Result<std::shared_ptr<const Tree>> TreeWatch::look(const Workspace& workspace, const Look& how) {
  const std::shared_ptr<Place> place = place_of(workspace.path());
  const std::scoped_lock looking(place->looking);
  const ContentStore::Work work(contents_);
  std::shared_ptr<const Tree> known = newest_of(*place);
  if (known != nullptr && is_young(*known, how.age_max)) return known;
  Result<Tree> tree = look_anew(workspace, how, std::move(known));
  if (!tree) return tree.error();
  auto seen = std::make_shared<const Tree>(*std::move(tree));
  set_newest(*place, seen);
  return seen;
}

Result<Tree> TreeWatch::look_anew(const Workspace& workspace, const Look& how,
                                  std::shared_ptr<const Tree> known) {
  TreeLook look{.known = known.get(),
                .keep = &contents_,
                .excludes = how.excludes,
                .keep_bytes_max = bounds_.kept_file_max,
                .total_bytes_max = bounds_.kept_total_max,
                .stop = how.stop};
  if (known != nullptr) return look_at_tree(workspace, look);
  // Before anything is read; from then on the sum is looked at on the way.
  if (Result<std::uint64_t> bytes = bytes_in_tree(workspace, look); !bytes) return bytes.error();
  Result<Tree> earlier = how.earlier ? how.earlier() : Tree{};
  if (earlier) look.known = &*earlier;
  return look_at_tree(workspace, look);
}

Result<Tree> TreeWatch::look_without_keeping(const Workspace& workspace, const Look& how) {
  TreeLook look{
      .excludes = how.excludes, .file_bytes_max = bounds_.kept_file_max, .stop = how.stop};
  const std::shared_ptr<const Tree> newest = newest_of(*place_of(workspace.path()));
  const Result<Tree> earlier = newest == nullptr && how.earlier ? how.earlier() : Tree{};
  if (newest != nullptr) {
    look.known = newest.get();
  } else if (earlier) {
    look.known = &*earlier;
  }
  return look_at_tree(workspace, look);
}

Result<void> TreeWatch::sync() {
  return contents_.sync();
}

bool TreeWatch::is_kept(const TreeEntry& file) const {
  return file.bytes <= bounds_.kept_file_max || contents_.has(file.content);
}

void TreeWatch::add_contents(std::set<Sha256>& contents) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(places_, [](const std::shared_ptr<Place>& place) { return is_gone(place->path); });
  for (const std::weak_ptr<const Tree>& each : seen_) {
    if (const auto tree = each.lock()) tinkerbell::add_contents(*tree, contents);
  }
}

// ---- what is held ----

std::shared_ptr<TreeWatch::Place> TreeWatch::place_of(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(places_, path, &Place::path);
  if (found != places_.end()) {
    std::rotate(found, found + 1, places_.end());
  } else {
    places_.push_back(std::make_shared<Place>());
    places_.back()->path = path;
    drop_oldest();
  }
  return places_.back();
}

std::shared_ptr<const Tree> TreeWatch::newest_of(const Place& place) const {
  const std::scoped_lock lock(mutex_);
  return place.newest;
}

void TreeWatch::set_newest(Place& place, std::shared_ptr<const Tree> tree) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(seen_, [](const std::weak_ptr<const Tree>& each) { return each.expired(); });
  seen_.push_back(tree);
  place.newest = std::move(tree);
  drop_oldest();
}

/// A look that is under way at one of them goes on; only nobody else finds it.
void TreeWatch::drop_oldest() {
  const auto too_many = [this] {
    std::size_t entries = 0;
    for (const std::shared_ptr<Place>& place : places_)
      entries += place->newest == nullptr ? 0 : place->newest->entries.size();
    return places_.size() > kPlacesMax || entries > kEntriesHeldMax;
  };
  while (places_.size() > 1 && too_many())
    places_.erase(places_.begin());
}

}  // namespace tinkerbell
