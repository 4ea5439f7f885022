#include "table.hpp"

#include <algorithm>
#include <utility>

void Table::add(std::vector<std::string> row) {
  rows_.push_back(std::move(row));
}

std::size_t Table::get_w(std::size_t column) const {
  std::size_t width = 0;
  for (const auto& row : rows_) {
    if (column < row.size()) width = std::max(width, row[column].size());
  }
  return width;
}

std::string Table::text() const {
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(get_w(i) + 2 - row[i].size(), ' ');
    }
    text += '\n';
  }
  return text;
}
