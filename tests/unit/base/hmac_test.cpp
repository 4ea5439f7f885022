#include "tinkerbell/base/hmac.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

// RFC 4231, test cases 1 to 3
TEST(Hmac, GivesTheValuesOfTheStandard) {
  EXPECT_EQ(HmacSha256(std::string(20, '\x0b')).of({"Hi There"}).hex(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HmacSha256("Jefe").of({"what do ya want ", "", "for nothing?"}).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HmacSha256(std::string(20, '\xaa')).of({std::string(50, '\xdd')}).hex(),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
}

}  // namespace
}  // namespace tinkerbell
