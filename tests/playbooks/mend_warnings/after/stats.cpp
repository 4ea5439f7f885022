#include "stats.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

Stats stats_of(std::vector<int> numbers) {
  const double sum = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  std::sort(numbers.begin(), numbers.end());
  const std::size_t size = numbers.size();
  const double high = numbers[size / 2];
  const double low = size % 2 ? high : numbers[size / 2 - 1];
  return {sum / static_cast<double>(size), (low + high) / 2};
}
