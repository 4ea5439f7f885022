#include "tinkerbell/base/random.hpp"

#include "tinkerbell/base/assert.hpp"

#include <sys/random.h>

namespace tinkerbell {

std::uint64_t SystemRandom::next() {
  std::uint64_t value = 0;
  const auto got = ::getrandom(&value, sizeof value, 0);
  TINKERBELL_ASSERT(got == static_cast<ssize_t>(sizeof value));
  return value;
}

}  // namespace tinkerbell
