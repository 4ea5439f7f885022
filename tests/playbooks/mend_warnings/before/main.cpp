#include "stats.hpp"

#include <cstdio>

int main() {
  const Stats stats = stats_of({4, 1, 2, 8});
  std::printf("mean %g, median %g\n", stats.mean, stats.median);
  return stats.mean == 3.75 && stats.median == 3 ? 0 : 1;
}
