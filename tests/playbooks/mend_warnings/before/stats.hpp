#pragma once

#include <vector>

struct Stats {
  double mean;
  double median;
};

// Of a list that is not empty.
Stats stats_of(std::vector<int> numbers);
