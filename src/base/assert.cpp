#include "tinkerbell/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace tinkerbell {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "tinkerbell: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace tinkerbell
