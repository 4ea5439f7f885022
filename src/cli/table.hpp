#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tinkerbell::cli {

/// Rows of short texts in columns. The last column takes what is left of the line.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)}, kept_{""} {}

  /// The first so many columns hold numbers: they stand at the right.
  void align_right(std::size_t columns) { right_ = columns; }

  /// One cell for each column; cells are made visible and put on one line. What is `kept` stands
  /// behind the last one, which is shortened first.
  void add(std::vector<std::string> cells, std::string kept = {});

  /// With `columns_max` > 0 the last column is shortened to fit; otherwise nothing is.
  [[nodiscard]] std::string text(std::size_t columns_max) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;

  std::vector<std::vector<std::string>> rows_;
  std::vector<std::string> kept_;  ///< For each row.
  std::size_t right_ = 0;
};

}  // namespace tinkerbell::cli
