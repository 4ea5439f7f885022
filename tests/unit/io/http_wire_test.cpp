#include "io/http_wire.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tinkerbell {
namespace {

class Collected final : public HttpResponseSink {
 public:
  bool take_head(const HttpHead& head) override {
    heads.push_back(head);
    return true;
  }

  bool take_body(std::string_view piece) override {
    body += piece;
    return true;
  }

  std::vector<HttpHead> heads;
  std::string body;
};

constexpr HttpResponseReader::Limits kLimits{.header_bytes_max = 1'000, .body_bytes_max = 10'000};

/// Reads a whole connection; the Errc name, or "ok <status> <body>".
std::string read_whole(std::string_view bytes, std::size_t piece_bytes, bool head_only = false) {
  Collected found;
  HttpResponseReader reader(kLimits, head_only, found);
  while (!bytes.empty() && !reader.complete()) {
    const std::string_view piece = bytes.substr(0, piece_bytes);
    if (Result<void> fed = reader.feed(piece); !fed)
      return std::string(to_string(fed.error().code));
    bytes.remove_prefix(piece.size());
  }
  if (Result<void> ended = reader.end(); !ended) return std::string(to_string(ended.error().code));
  return "ok " + std::to_string(reader.head().status) + " " + found.body;
}

TEST(HttpRequestHead, HoldsAllButTheBody) {
  const HttpCall call{.method = "POST",
                      .url = "http://x:8080/a?b",
                      .headers = {{"X-Key", "v"}, {"Content-Type", "application/json"}},
                      .body = "{}"};
  EXPECT_EQ(*http_request_head(call, *parse_http_url(call.url)),
            "POST /a?b HTTP/1.1\r\nHost: x:8080\r\nUser-Agent: tinkerbell\r\n"
            "Accept-Encoding: identity\r\nX-Key: v\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n");
}

TEST(HttpRequestHead, S57_RefusesHeadersThatAreMoreThanOne) {
  const HttpUrl url = *parse_http_url("http://x/");
  for (const auto& [name, value] : HttpHeaders{{"X", "a\nHost: y"},
                                               {"X", "a\r"},
                                               {"X", std::string("a\0b", 3)},
                                               {"X", "\x7f"},
                                               {"X\r\nY", "a"},
                                               {"", "a"},
                                               {"X:", "a"},
                                               {"host", "y"},
                                               {"content-length", "1"},
                                               {"Transfer-Encoding", "chunked"}}) {
    const HttpCall call{.url = "http://x/", .headers = {{name, value}}};
    EXPECT_FALSE(http_request_head(call, url).ok()) << name << ": " << value;
  }
  EXPECT_FALSE(http_request_head({.method = "GET / HTTP/1.1\r\n", .url = "http://x/"}, url).ok());
}

TEST(HttpResponseReader, ReadsEveryFramingInPiecesOfAnySize) {
  for (std::size_t piece = 1; piece < 60; ++piece) {
    EXPECT_EQ(read_whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", piece),
              "ok 200 hello");
    EXPECT_EQ(read_whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n",
                         piece),
              "ok 200 hello");
    EXPECT_EQ(read_whole("HTTP/1.1 200 OK\r\n\r\nhello", piece), "ok 200 hello");
    EXPECT_EQ(read_whole("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
                         "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
                         piece),
              "ok 404 ");
    EXPECT_EQ(read_whole("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", piece, true),
              "ok 200 ");
    EXPECT_EQ(read_whole("HTTP/1.1 204 None\r\n\r\n", piece), "ok 204 ");
  }
}

TEST(HttpResponseReader, F41_NeverTakesATruncatedAnswerForAWholeOne) {
  const std::string by_length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
  for (const std::string& whole : {by_length, chunked}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(read_whole(whole.substr(0, size), 7), "protocol") << size << " of " << whole;
    }
  }
}

TEST(HttpResponseReader, S61_RefusesAmbiguousAndOverlargeAnswers) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n";
  std::string interim;
  for (int i = 0; i < 10'000; ++i)
    interim += "HTTP/1.1 100 Continue\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> answers = {
      {"protocol", chunked + "Content-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
      {"protocol", ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
      {"protocol", ok + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"},
      {"protocol", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
      {"protocol", ok + "Transfer-Encoding: identity\r\n\r\nhello"},
      {"protocol", ok + "Content-Length: -1\r\n\r\nhello"},
      {"protocol", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"},
      {"protocol", ok + "Content-Length: 99999999999999999999\r\n\r\n"},
      {"protocol", ok + "Content-Length: 0x5\r\n\r\nhello"},
      {"protocol", chunked + "\r\nFFFFFFFFFFFFFFFFF\r\nhello"},
      {"protocol", chunked + "\r\n-5\r\nhello\r\n"},
      {"protocol", chunked + "\r\n5 hello\r\n"},
      {"protocol", chunked + "\r\n3\r\nhello\r\n0\r\n\r\n"},
      {"too_large", chunked + "\r\n0\r\nA: " + std::string(1 << 20, 'x')},
      {"too_large", ok + "A: " + std::string(2'000, 'x')},
      {"too_large", ok + "Content-Length: 10001\r\n\r\n"},
      {"too_large", chunked + "\r\n2711\r\n" + std::string(10'001, 'x')},
      {"too_large", ok + "\r\n" + std::string(10'001, 'x')},
      {"protocol", "hello"},
      {"protocol", "HTTP/0.9 200 OK\r\n\r\n"},
      {"protocol", "HTTP/2.0 200 OK\r\n\r\n"},
      {"protocol", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"},
      {"protocol", ok + "A: b\nC: d\r\n\r\n"},
      {"protocol", ok + " folded: no\r\n\r\n"},
      {"protocol", interim},
  };
  for (const auto& [expected, bytes] : answers) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{500}, std::size_t{1} << 21}) {
      if (piece == 1 && bytes.size() > 20'000) continue;
      EXPECT_EQ(read_whole(bytes, piece), expected) << bytes.substr(0, 100) << " by " << piece;
    }
  }
}

TEST(HttpResponseReader, F50_AMillionHeadersAreTooLargeLongBeforeTheyAreRead) {
  Collected found;
  HttpResponseReader reader({}, false, found);
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\n"));
  std::size_t headers = 0;
  Result<void> fed;
  while ((fed = reader.feed("Header-" + std::to_string(headers) + ": x\r\n")))
    ASSERT_LT(++headers, 1'000'000U);
  EXPECT_EQ(fed.error().code, Errc::too_large);
  EXPECT_LT(headers, 10'000U) << "64 KiB";
}

TEST(HttpResponseReader, S61_TakesAnyNumberOfTinyChunks) {
  std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 5'000; ++i)
    bytes += "1\r\nx\r\n";
  EXPECT_EQ(read_whole(bytes + "0\r\n\r\n", 333), "ok 200 " + std::string(5'000, 'x'));
}

TEST(HttpResponseReader, S62_RefusesCompressedAnswers) {
  EXPECT_EQ(
      read_whole("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 99),
      "protocol");
  EXPECT_EQ(
      read_whole("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", 99),
      "ok 200 x");
}

TEST(HttpHeaders, AreFoundWithoutCase) {
  EXPECT_EQ(header_value({{"Content-Type", "a"}, {"content-type", "b"}}, "CONTENT-TYPE"), "a");
  EXPECT_EQ(header_value({{"A", "a"}}, "B"), "");
}

}  // namespace
}  // namespace tinkerbell
