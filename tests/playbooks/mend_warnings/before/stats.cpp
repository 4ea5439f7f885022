#include "stats.hpp"

#include <algorithm>

Stats stats_of(std::vector<int> numbers) {
  int sum = 0;
  int unused;
  for (int i = 0; i < numbers.size(); ++i)
    sum += numbers[i];
  std::sort(numbers.begin(), numbers.end());
  const int size = numbers.size();
  const double median = size % 2 ? numbers[size / 2] : (numbers[size / 2 - 1] + numbers[size / 2]) / 2;
  return {sum / size, median};
}
