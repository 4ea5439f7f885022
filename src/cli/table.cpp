#include "cli/table.hpp"

#include "cli/terminal.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLastColumnMin = 8;  // a narrower terminal may wrap

std::size_t room_after(std::size_t start, std::size_t columns_max) {
  return columns_max > start + kLastColumnMin ? columns_max - start : kLastColumnMin;
}

/// Both in `room` columns: the cell gives way, down to a quarter of them.
std::string fitted_with(const std::string& cell, const std::string& kept, std::size_t room) {
  const std::size_t taken = columns_of(kept);
  const std::size_t left = room > taken ? room - taken : 0;
  return fitted(fitted(cell, std::max(left, room / 4)) + kept, room);
}

}  // namespace

void Table::add(std::vector<std::string> cells, std::string kept) {
  TINKERBELL_ASSERT(cells.size() == rows_.front().size());
  for (std::string& cell : cells)
    cell = visible_line(cell);
  rows_.push_back(std::move(cells));
  kept_.push_back(visible_line(kept));
}

std::string Table::text(std::size_t columns_max) const {
  const std::vector<std::size_t> width = widths();
  std::string text;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const std::vector<std::string>& row = rows_[r];
    std::size_t start = 0;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      const std::size_t missing = width[i] - columns_of(row[i]);
      text.append(i < right_ ? missing : 0, ' ');
      text += row[i];
      text.append((i < right_ ? 0 : missing) + kGap, ' ');
      start += width[i] + kGap;
    }
    text += columns_max == 0 ? row.back() + kept_[r]
                             : fitted_with(row.back(), kept_[r], room_after(start, columns_max));
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> width(rows_.front().size());
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      width[i] = std::max(width[i], columns_of(row[i]));
  }
  return width;
}

}  // namespace tinkerbell::cli
