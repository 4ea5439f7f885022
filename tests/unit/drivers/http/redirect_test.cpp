#include "drivers/http/redirect.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

bool stays(const char* from, const char* to) {
  return stays_at_server(*parse_http_url(from), *parse_http_url(to));
}

TEST(Redirect, S56_StaysAtTheServerThatWasJudged) {
  EXPECT_TRUE(stays("http://a.example/x", "http://A.example:80/y"));
  EXPECT_TRUE(stays("https://a.example:8443/", "https://a.example:8443/y"));
  EXPECT_FALSE(stays("https://a.example/", "https://b.example/"));
  EXPECT_FALSE(stays("https://a.example/", "https://www.a.example/"));
  EXPECT_FALSE(stays("https://a.example/", "https://a.example:8443/"));
}

TEST(Redirect, S56_LeadsFromHttpToHttpsAndNeverBack) {
  EXPECT_TRUE(stays("http://a.example/", "https://a.example/"));
  EXPECT_FALSE(stays("https://a.example/", "http://a.example/"));
  EXPECT_FALSE(stays("https://a.example:80/", "http://a.example:80/"));
  EXPECT_FALSE(stays("http://a.example:8080/", "https://a.example/"));
  EXPECT_FALSE(stays("http://a.example/", "https://a.example:8443/"));
  EXPECT_FALSE(stays("http://a.example/", "https://b.example/"));
}

TEST(Redirect, IsSaidByFiveStatuses) {
  for (const int status : {301, 302, 303, 307, 308})
    EXPECT_TRUE(is_redirect(status)) << status;
  for (const int status : {200, 300, 304, 305, 306, 404})
    EXPECT_FALSE(is_redirect(status)) << status;
}

}  // namespace
}  // namespace tinkerbell
