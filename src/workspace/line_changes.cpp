#include "workspace/line_changes.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

namespace tinkerbell {

namespace {

/// Beyond these the search costs more than a short diff is worth.
constexpr std::ptrdiff_t kEditsMax = 500;
constexpr std::size_t kLinesMax = 100'000;

/// Equal lines have equal numbers: comparing is then one instruction.
using Numbers = std::vector<std::uint32_t>;

class LineNumbers {
 public:
  Numbers of(std::span<const std::string_view> lines) {
    Numbers numbers;
    numbers.reserve(lines.size());
    for (const std::string_view line : lines)
      numbers.push_back(
          known_.try_emplace(line, static_cast<std::uint32_t>(known_.size())).first->second);
    return numbers;
  }

 private:
  std::unordered_map<std::string_view, std::uint32_t> known_;
};

/// Myers' greedy search. A diagonal k holds the points with x - y = k; `reach` says how far along
/// each diagonal d edits can come, and `history` keeps it for every d to walk the way back.
class ShortestEdit {
 public:
  ShortestEdit(const Numbers& before, const Numbers& after)
      : before_(before), after_(after), reach_(2 * kEditsMax + 3, 0) {}

  /// Nothing if it takes more than kEditsMax edits.
  [[nodiscard]] std::optional<std::vector<LineChange>> find() {
    for (std::ptrdiff_t edits = 0; edits <= kEditsMax; ++edits) {
      history_.emplace_back(reach_.begin() + kCentre - edits - 1,
                            reach_.begin() + kCentre + edits + 2);
      for (std::ptrdiff_t k = -edits; k <= edits; k += 2) {
        if (advance(k, edits)) return walk_back(edits);
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::ptrdiff_t kCentre = kEditsMax + 1;

  [[nodiscard]] std::ptrdiff_t& reach(std::ptrdiff_t k) {
    return reach_[static_cast<std::size_t>(kCentre + k)];
  }

  /// One more edit onto diagonal k, then as many common lines as follow. True: the end is reached.
  bool advance(std::ptrdiff_t k, std::ptrdiff_t edits) {
    const bool insert = k == -edits || (k != edits && reach(k - 1) < reach(k + 1));
    std::ptrdiff_t x = edits == 0 ? 0 : insert ? reach(k + 1) : reach(k - 1) + 1;
    const auto before_size = std::ssize(before_);
    const auto after_size = std::ssize(after_);
    while (x < before_size && x - k < after_size && x - k >= 0 &&
           before_[static_cast<std::size_t>(x)] == after_[static_cast<std::size_t>(x - k)])
      ++x;
    reach(k) = x;
    return x >= before_size && x - k >= after_size;
  }

  /// From the end to the start, one edit at a time.
  [[nodiscard]] std::vector<LineChange> walk_back(std::ptrdiff_t edits) const {
    std::vector<LineChange> changes;
    std::ptrdiff_t x = std::ssize(before_);
    std::ptrdiff_t y = std::ssize(after_);
    for (std::ptrdiff_t d = edits; d > 0; --d) {
      const std::vector<std::ptrdiff_t>& then = history_[static_cast<std::size_t>(d)];
      const auto reached = [&](std::ptrdiff_t k) {
        return then[static_cast<std::size_t>(d + 1 + k)];
      };
      const std::ptrdiff_t k = x - y;
      const bool insert = k == -d || (k != d && reached(k - 1) < reached(k + 1));
      x = insert ? reached(k + 1) : reached(k - 1);
      y = x - (insert ? k + 1 : k - 1);
      add_edit(changes, static_cast<std::size_t>(x), static_cast<std::size_t>(y), insert);
    }
    std::ranges::reverse(changes);
    return changes;
  }

  /// `changes` runs backwards: an edit that ends where the last one begins belongs to it.
  static void add_edit(std::vector<LineChange>& changes, std::size_t x, std::size_t y,
                       bool insert) {
    const LineChange edit{x, x + (insert ? 0 : 1), y, y + (insert ? 1 : 0)};
    if (!changes.empty() && changes.back().before_begin == edit.before_end &&
        changes.back().after_begin == edit.after_end) {
      changes.back().before_begin = edit.before_begin;
      changes.back().after_begin = edit.after_begin;
    } else {
      changes.push_back(edit);
    }
  }

  const Numbers& before_;
  const Numbers& after_;
  std::vector<std::ptrdiff_t> reach_;
  std::vector<std::vector<std::ptrdiff_t>> history_;
};

std::optional<std::vector<LineChange>> shortest_changes(std::span<const std::string_view> before,
                                                        std::span<const std::string_view> after) {
  if (before.size() > kLinesMax || after.size() > kLinesMax) return std::nullopt;
  LineNumbers numbers;
  const Numbers before_numbers = numbers.of(before);
  const Numbers after_numbers = numbers.of(after);
  return ShortestEdit(before_numbers, after_numbers).find();
}

}  // namespace

Lines split_lines(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

std::vector<LineChange> line_changes(const Lines& before, const Lines& after) {
  const std::size_t shorter = std::min(before.size(), after.size());
  std::size_t head = 0;
  while (head < shorter && before[head] == after[head])
    ++head;
  std::size_t tail = 0;
  while (tail < shorter - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
    ++tail;
  const std::size_t before_size = before.size() - head - tail;
  const std::size_t after_size = after.size() - head - tail;
  if (before_size == 0 && after_size == 0) return {};

  auto changes = shortest_changes(std::span(before).subspan(head, before_size),
                                  std::span(after).subspan(head, after_size));
  if (!changes) changes = {{0, before_size, 0, after_size}};
  for (LineChange& change : *changes) {
    change.before_begin += head;
    change.before_end += head;
    change.after_begin += head;
    change.after_end += head;
  }
  return *std::move(changes);
}

}  // namespace tinkerbell
