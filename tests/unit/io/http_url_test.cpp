#include "tinkerbell/io/http_url.hpp"

#include "io/request_target.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

TEST(HttpUrl, IsTakenApart) {
  const Result<HttpUrl> url = parse_http_url("https://api.example.com/v1/x?a=b%20c#part");
  ASSERT_TRUE(url.ok());
  EXPECT_TRUE(url->secure);
  EXPECT_EQ(url->host, "api.example.com");
  EXPECT_EQ(url->port, "443");
  EXPECT_EQ(url->authority, "api.example.com");
  EXPECT_EQ(url->target, "/v1/x?a=b%20c");
  EXPECT_EQ(url->origin(), "https://api.example.com:443");
}

TEST(HttpUrl, KeepsPortsAndBracketsWhereTheyBelong) {
  const Result<HttpUrl> url = parse_http_url("http://[::1]:8080");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->authority, "[::1]:8080");
  EXPECT_EQ(url->target, "/");
  EXPECT_EQ(url->origin(), "http://[::1]:8080");
  EXPECT_EQ(parse_http_url("http://a:80/")->authority, "a");
}

TEST(HttpUrl, HasItsHostInLowerCase) {
  const Result<HttpUrl> url = parse_http_url("HTTPS://API.Example.COM:8443/Path");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "api.example.com");
  EXPECT_EQ(url->authority, "api.example.com:8443");
  EXPECT_EQ(url->host_and_port(), "api.example.com:8443");
  EXPECT_EQ(url->target, "/Path");
}

TEST(ResolveReference, TakesAReferenceFromWhereItStands) {
  const auto resolved = [](std::string_view reference) {
    const Result<std::string> url = resolve_reference("https://a.example/b/c?d#e", reference);
    return url ? *url : "none";
  };
  EXPECT_EQ(resolved("x"), "https://a.example/b/x");
  EXPECT_EQ(resolved("../x?y#z"), "https://a.example/x?y");
  EXPECT_EQ(resolved("/x"), "https://a.example/x");
  EXPECT_EQ(resolved("//b.example/x"), "https://b.example/x");
  EXPECT_EQ(resolved("http://b.example"), "http://b.example");
  EXPECT_EQ(resolved("file:///etc/passwd"), "file:///etc/passwd");
  EXPECT_EQ(resolved("http://["), "none");
  EXPECT_EQ(resolved("a b"), "none");
}

TEST(PercentDecoded, LeavesWhatIsNoEscape) {
  EXPECT_EQ(percent_decoded("a%20b%2Fc%2fd%00"), std::string("a b/c/d\0", 8));
  EXPECT_EQ(percent_decoded("%"), "%");
  EXPECT_EQ(percent_decoded("%4"), "%4");
  EXPECT_EQ(percent_decoded("%zz%-1%4g"), "%zz%-1%4g");
}

TEST(HttpUrl, S57_RefusesWhatCouldMeanAnotherServerOrASecondHeader) {
  for (const char* url : {
           "file:///etc/passwd",
           "gopher://x/",
           "//x/",
           "http://ok.example@169.254.169.254/",
           "http://user:secret@x/",
           "http://x/%0d%0aHost:y",
           "http://x/?a=%0A",
           "http://x/%00",
           "http://x/a\r\nHost: y",
           "http://x%0d%0a/",
           "http://ok.example%2f@y/",
           "http://x\\@y/",
           "http://b\xC3\xBC"
           "cher.example/",
           "http://x y/",
           "http:///path",
           "http://x:0/",
           "http://x:65536/",
           "http://x:-1/",
           "http://x:80ab/",
           "http://x:80@y/",
           "http://x:/",
           "http://[v1.a]/",
           "http://[::1/",
           "",
       }) {
    const Result<HttpUrl> parsed = parse_http_url(url);
    ASSERT_FALSE(parsed.ok()) << url;
    EXPECT_EQ(parsed.error().code, Errc::invalid) << url;
  }
}

TEST(RequestTarget, IsDecoded) {
  const Result<RequestTarget> target = parse_request_target("/v1/a%20b?name=x%26y&empty=&flag");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/v1/a b");
  EXPECT_EQ(target->query,
            (std::map<std::string, std::string>{{"name", "x&y"}, {"empty", ""}, {"flag", ""}}));
}

TEST(RequestTarget, RefusesWhatIsBrokenOrAmbiguous) {
  for (const char* target : {"/%", "/%4", "/%zz", "/?a=%1", "/%00", "/%0a", "/?a=1&a=2", "*",
                             "http://x/", "v1", "", "/a b", "/\"{}"}) {
    EXPECT_FALSE(parse_request_target(target).ok()) << target;
  }
}

}  // namespace
}  // namespace tinkerbell
