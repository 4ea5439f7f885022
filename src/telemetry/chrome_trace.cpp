#include "tinkerbell/telemetry/chrome_trace.hpp"

#include "telemetry/json_text.hpp"

#include "tinkerbell/base/source_path.hpp"
#include "tinkerbell/base/version.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <source_location>

namespace tinkerbell {

namespace {

/// What a task does since its newest turn.
struct Track {
  TaskId task = kNoTask;
  std::int64_t since = 0;  ///< Nanoseconds.
  std::source_location where;
  TaskState state = TaskState::ready;
};

/// The tracks that were begun, by task: a hash table of fixed size, half full at most.
class Tracks {
 public:
  static constexpr unsigned kBits = 12;
  static constexpr std::size_t kSize = 1U << kBits;

  /// The track of a task; an empty one if it has none. Null: there is no room for one.
  [[nodiscard]] Track* find(TaskId task) noexcept {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;  // Knuth 6.4: Fibonacci hashing
    std::size_t place = number(task) * kGolden >> (64U - kBits);
    while (tracks_[place].task != kNoTask && tracks_[place].task != task)
      place = (place + 1) & (kSize - 1);
    Track& track = tracks_[place];
    return track.task == task || used_ < kSize / 2 ? &track : nullptr;
  }

  void begin(Track& track, TaskId task) noexcept {
    track.task = task;
    ++used_;
  }

  [[nodiscard]] std::span<const Track> all() const noexcept { return tracks_; }

 private:
  std::array<Track, kSize> tracks_{};
  std::size_t used_ = 0;
};

/// A track's number: thread ids have 32 bits there. A volatile task has that of its slot, with the
/// top bit set as in its id.
std::int64_t track_number(TaskId task) {
  constexpr std::uint64_t kLow = 0x7FFF'FFFF;
  constexpr std::uint64_t kTop = 0x8000'0000;
  const std::uint64_t low = number(task) & kLow;
  return static_cast<std::int64_t>(is_durable(task) ? low : low | kTop);
}

/// One picture on its way out.
class Drawing {
 public:
  Drawing(const TraceSource& source, TextOutput& output) noexcept
      : source_(source), json_(output), origin_(source.now) {
    for (const std::span<const TraceEvent> piece : source.turns) {
      if (!piece.empty()) origin_ = std::min(origin_, piece.front().ended - piece.front().ticks);
    }
  }

  void draw() noexcept {
    json_.raw(R"({"displayTimeUnit":"ns","otherData":{"writer":"tinkerbelld )")
        .escaped(kBuildVersion)
        .raw(R"(","written":)")
        .time(source_.now_unix_us)
        .raw("},\n\"traceEvents\":[\n")
        .raw(R"({"ph":"M","name":"process_name","pid":)")
        .integer(pid_)
        .raw(R"(,"args":{"name":"tinkerbelld"}})");
    for (const std::span<const TraceEvent> piece : source_.turns) {
      for (const TraceEvent& event : piece)
        draw_turn(event);
    }
    draw_present();
    json_.raw("\n]}\n").flush();
  }

 private:
  /// Nanoseconds from the beginning of the picture.
  [[nodiscard]] std::int64_t time_of(std::uint64_t ticks) const noexcept {
    return ticks < origin_ ? 0 : source_.ticks.nanoseconds(ticks - origin_).count();
  }

  [[nodiscard]] bool is_drawn(TaskId task) const noexcept {
    return task != kNoTask && (source_.only == kNoTask || source_.only == task);
  }

  void draw_turn(const TraceEvent& event) noexcept {
    if (!is_drawn(event.task)) return;
    const std::int64_t began = time_of(event.ended - event.ticks);
    const std::int64_t ended = time_of(event.ended);
    Track* const track = track_of(event.task, began);
    if (track != nullptr) draw_wait(*track, began);
    draw_slice(event.task, began, ended);
    json_.raw(R"(,"cat":"turn","name":"turn","args":{"left":)").text(name_of(event.state));
    if (event.where.line() != 0) {
      json_.raw(R"(,"at":")");
      draw_place(event.where);
    }
    json_.raw(event.where.line() != 0 ? "\"}}" : "}}");
    if (has_ended(event.state)) {
      begin_event("i", event.task, ended);
      json_.raw(R"(,"s":"t","cat":"end","name":)").text(name_of(event.state)).raw("}");
    }
    if (track == nullptr) return;
    track->since = ended;
    track->where = event.where;
    track->state = event.state;
  }

  /// From the newest turn of a task until then.
  void draw_wait(const Track& track, std::int64_t until) noexcept {
    if (has_ended(track.state) || until <= track.since) return;
    draw_slice(track.task, track.since, until);
    json_.raw(R"(,"cat":"wait","name":")").escaped(name_of(track.state));
    if (track.where.line() != 0) {
      json_.raw(": ");
      draw_place(track.where);
    }
    json_.raw("\"}");
  }

  /// Where every task stands at the end of the picture.
  void draw_present() noexcept {
    const std::int64_t now = time_of(source_.now);
    const std::int64_t since = std::min(time_of(source_.running_since), now);
    const bool runs = is_drawn(source_.running);
    if (runs) (void)track_of(source_.running, since);
    for (const Track& track : tracks_.all()) {
      if (track.task == kNoTask) continue;
      draw_wait(track, runs && track.task == source_.running ? since : now);
    }
    if (!runs) return;
    draw_slice(source_.running, since, now);
    json_.raw(R"(,"cat":"turn","name":"turn under way"})");
  }

  /// Named when it is begun, at the task's first turn in the picture.
  Track* track_of(TaskId task, std::int64_t time) noexcept {
    Track* const track = tracks_.find(task);
    if (track == nullptr || track->task == task) return track;
    tracks_.begin(*track, task);
    track->since = time;
    json_.raw(",\n").raw(R"({"ph":"M","name":"thread_name","pid":)").integer(pid_);
    json_.raw(R"(,"tid":)").integer(track_number(task)).raw(R"(,"args":{"name":"task )");
    is_durable(task) ? json_.integer(track_number(task)) : json_.raw("of the daemon");
    if (source_.names != nullptr) {
      const auto name = source_.names->find(task);
      if (name != source_.names->end()) json_.raw(": ").escaped(name->second);
    }
    json_.raw("\"}}");
    return track;
  }

  void begin_event(std::string_view phase, TaskId task, std::int64_t time) noexcept {
    json_.raw(",\n").raw(R"({"ph":)").text(phase).raw(R"(,"pid":)").integer(pid_);
    json_.raw(R"(,"tid":)").integer(track_number(task)).raw(R"(,"ts":)").microseconds(time);
  }

  void draw_slice(TaskId task, std::int64_t from, std::int64_t to) noexcept {
    begin_event("X", task, from);
    json_.raw(R"(,"dur":)").microseconds(to - from);
  }

  void draw_place(const std::source_location& where) noexcept {
    json_.escaped(source_path(where.file_name())).raw(":").integer(where.line());
  }

  const TraceSource& source_;
  JsonText json_;
  std::uint64_t origin_;
  std::int64_t pid_ = ::getpid();
  Tracks tracks_;
};

}  // namespace

void write_chrome_trace(const TraceSource& source, TextOutput& output) noexcept {
  Drawing(source, output).draw();
}

}  // namespace tinkerbell
