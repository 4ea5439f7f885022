#pragma once

#include <cstddef>
#include <string>
#include <vector>

/// A table of texts, printed in columns.
class Table {
 public:
  void add(std::vector<std::string> row);

  /// How wide a column is.
  std::size_t get_w(std::size_t column) const;

  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};
