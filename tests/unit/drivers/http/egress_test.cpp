#include "drivers/http/egress.hpp"

#include "support/scripted_http_server.hpp"
#include "unit/drivers/http/requester.hpp"
#include "unit/io/private_network.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

/// Where requests may go, and where they do go.
namespace tinkerbell {
namespace {

using Server = ScriptedHttpServer;
using testing::HasSubstr;

constexpr auto kPublic = "93.184.216.34";  // of this test's network
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string redirect(const std::string& to) {
  return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + to + "\r\n\r\n";
}

/// A server that would answer wherever somebody reached it.
class Trap : public Server {
 public:
  Trap() : Server(std::vector<Script>(100, answer(kOk)), At::all_addresses) {}

  [[nodiscard]] std::string url(const std::string& host) const {
    return "http://" + host + ":" + std::to_string(port()) + "/";
  }
};

/// Names whose addresses are those of insiders.
NameServer insiders() {
  return NameServer({}, {{"loopback.test", {{"127.0.0.1"}}},
                         {"private.test", {{"10.0.0.1"}}},
                         {"metadata.test", {{"169.254.169.254"}}},
                         {"metadata.google.internal", {{"169.254.169.254"}}},
                         {"carrier.test", {{"100.64.0.1"}}}});
}

const std::vector<std::string> kInsideHosts = {
    // as they are
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.0.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200",
    "192.0.0.192", "168.63.129.16", "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    // in odd spellings
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1",
    "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.16689662", "0",
    "0x0", "10.1",
    // IPv6, and IPv4 in it
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]",
    "[64:ff9b::169.254.169.254]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[fd20:ce::254]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[0:0:0:0:0:0:0:1]",
    "[0000::0001]", "[100::1]",
    // names
    "localhost", "LOCALHOST", "localhost.", "loopback.test", "private.test", "metadata.test",
    "metadata.google.internal", "carrier.test"};

TEST(Egress, S54_NobodyInsideIsReachedHoweverItIsSpelled) {
  in_private_network([] {
    const NameServer names = insiders();
    const Trap trap;
    for (const std::string& host : kInsideHosts) {
      Requester requester;
      const auto reply = requester.get(trap.url(host));
      ASSERT_FALSE(reply) << host;
      EXPECT_TRUE(reply.error().code == Errc::denied || reply.error().code == Errc::invalid)
          << host << ": " << reply.error().message;
    }
    EXPECT_EQ(trap.connections(), 0U);
  });
}

TEST(Egress, AnAddressInDisguiseIsNone) {
  for (const char* host : {"134744072", "0x08.8.8.8", "010.8.8.8", "8.8.2056",
                           "[2606:4700:0::1111]", "[2606:4700::8.8.8.8]"}) {
    const auto facts = Requester().prepare({.url = "http://" + std::string(host) + "/"});
    ASSERT_FALSE(facts) << host << ": rules would not know it again";
    EXPECT_EQ(facts.error().code, Errc::invalid);
    EXPECT_THAT(facts.error().message, HasSubstr("write it so")) << host;
  }
  EXPECT_TRUE(Requester().prepare({.url = "http://8.8.8.8/"}));
  EXPECT_TRUE(Requester().prepare({.url = "http://[2606:4700::1111]/"}));
}

TEST(Egress, S54_AMetadataServiceIsReachedByNobodyWhateverTheConfigNames) {
  in_private_network([] {
    const NameServer names = insiders();
    for (const char* host :
         {"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16",
          "192.0.0.192", "[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]",
          "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]",
          "[2002:a9fe:a9fe::]", "[2001:0:4136:e378:8000:63bf:5601:5601]", "metadata.test"}) {
      Requester requester({std::string(host) + ":80"});
      const auto reply = requester.get("http://" + std::string(host) + "/latest/");
      ASSERT_FALSE(reply) << host;
      EXPECT_EQ(reply.error().code, Errc::denied) << host << ": " << reply.error().message;
      EXPECT_THAT(reply.error().message, HasSubstr("metadata service")) << host;
    }
  });
}

TEST(Egress, TheConfigNamesInsidersByHostAndPort) {
  Server server({Server::answer(kOk)});
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(Requester({"127.0.0.1:1"}).get(server.url("/")).error().code, Errc::denied);
  EXPECT_EQ(Requester({"localhost:" + port}).get(server.url("/")).error().code, Errc::denied);
  EXPECT_EQ(server.connections(), 0U);
  const auto reply = Requester({"127.0.0.1:" + port}).get(server.url("/"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "ok");
}

TEST(Egress, PublicAddressesAreOnTheInternet) {
  for (const char* host :
       {"93.184.216.34", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
        "223.255.255.255", "2606:4700::1111", "2a00::1", "2001:4860::8888"}) {
    const auto address = address_in(host);
    ASSERT_TRUE(address) << host;
    EXPECT_EQ(special_purpose_of(*address), "") << host;
    EXPECT_FALSE(is_metadata_service(*address)) << host;
  }
}

TEST(Egress, S55_ConnectsToTheAddressThatItHasLookedAtAndAsksForItOnce) {
  in_private_network([] {
    add_address(kPublic);
    const NameServer names({}, {{"ok.test", {{kPublic}, {"127.0.0.1"}}}});
    const Trap trap;
    Requester requester;
    const auto reply = requester.get(trap.url("ok.test"));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(names.lookups("ok.test"), 1);
    EXPECT_THAT(trap.requests().at(0),
                HasSubstr("\r\nHost: ok.test:" + std::to_string(trap.port()) + "\r\n"));
    const auto rebound = requester.get(trap.url("ok.test"));
    ASSERT_FALSE(rebound);
    EXPECT_EQ(rebound.error().code, Errc::denied);
    EXPECT_EQ(names.lookups("ok.test"), 2);
    EXPECT_EQ(trap.connections(), 1U);
  });
}

TEST(Egress, S55_OneAddressInsideIsEnoughToRefuseAName) {
  in_private_network([] {
    add_address(kPublic);
    const NameServer names(
        {}, {{"mixed.test", {{kPublic, "127.0.0.1"}}}, {"other.test", {{"127.0.0.1", kPublic}}}});
    const Trap trap;
    for (const char* host : {"mixed.test", "other.test"}) {
      const auto reply = Requester().get(trap.url(host));
      ASSERT_FALSE(reply) << host;
      EXPECT_EQ(reply.error().code, Errc::denied) << host;
    }
    EXPECT_EQ(trap.connections(), 0U);
  });
}

TEST(Egress, S56_ARedirectIsHeldToAllThatARequestIs) {
  for (const char* target :
       {"http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "file:///etc/passwd",
        "gopher://x/", "//other.example/", "http://u@127.0.0.1/", "http://0x7f.1/",
        "http://other.example/", "javascript:alert(1)", "http://x/%0d%0aHost:y", "http://["}) {
    Server server({Server::answer(redirect(target)), Server::answer(kOk)});
    const auto reply =
        Requester({"127.0.0.1:" + std::to_string(server.port())}).get(server.url("/"));
    ASSERT_FALSE(reply) << target;
    EXPECT_TRUE(reply.error().code == Errc::denied || reply.error().code == Errc::invalid)
        << target << ": " << reply.error().message;
    EXPECT_THAT(reply.error().message, HasSubstr("redirected to ")) << target;
    EXPECT_EQ(server.connections(), 1U) << target;
  }
}

TEST(Egress, S56_ARedirectToAnotherServerThatMayBeReachedIsNotFollowed) {
  Server other({Server::answer(kOk)});
  Server server({Server::answer(redirect(other.url("/")))});
  const auto reply = Requester({"127.0.0.1:" + std::to_string(server.port()),
                                "127.0.0.1:" + std::to_string(other.port())})
                         .get(server.url("/"));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::denied);
  EXPECT_THAT(reply.error().message, HasSubstr(other.url("/")));
  EXPECT_THAT(reply.error().message, HasSubstr("another server than was judged"));
  EXPECT_EQ(other.connections(), 0U);
}

TEST(Egress, S56_RedirectsComeToAnEnd) {
  Server server(std::vector<Server::Script>(20, Server::answer(redirect("/again"))));
  const auto reply = Requester({"127.0.0.1:" + std::to_string(server.port())}).get(server.url("/"));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::protocol);
  EXPECT_EQ(server.requests().size(), 6U) << "five redirects are followed";
}

TEST(Egress, S56_ARuleThatForbidsWhereARedirectLeadsHolds) {
  Server server({Server::answer(redirect("/next")), Server::answer(kOk)});
  Requester requester({"127.0.0.1:" + std::to_string(server.port())});
  requester.denied_host = "127.0.0.1";
  const auto reply = requester.get(server.url("/"));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::denied);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(Egress, FollowsRedirectsOnTheSameServer) {
  Server server({Server::answer(redirect("../b?c#d")), Server::answer(kOk)});
  const auto reply =
      Requester({"127.0.0.1:" + std::to_string(server.port())}).get(server.url("/a/"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->url, server.url("/b?c"));
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "ok");
}

TEST(Egress, S57_WhatCouldMeanAnotherServerOrASecondHeaderIsNoRequest) {
  const Trap trap;
  for (const char* url :
       {"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://x/", "http://ok.example@127.0.0.1/",
        "http://x/%0d%0aHost:y", "http://x\\@127.0.0.1/",
        "http://b\xC3\xBC"
        "cher.example/",
        "http://x/\r\nHost: y", "//x/", "x", "http://ok.example./"}) {
    const auto facts = Requester().prepare({.url = url});
    ASSERT_FALSE(facts) << url;
    EXPECT_EQ(facts.error().code, Errc::invalid) << url;
  }
  for (const HttpField& header : std::vector<HttpField>{{"X", "a\nHost: y"},
                                                        {"X", "a\r"},
                                                        {"X\r\nY", "a"},
                                                        {"Host", "y"},
                                                        {"Content-Length", "0"},
                                                        {"Transfer-Encoding", "chunked"}}) {
    const auto facts = Requester().prepare({.url = "http://ok.example/", .headers = {header}});
    ASSERT_FALSE(facts) << header.name;
    EXPECT_EQ(facts.error().code, Errc::invalid) << header.name;
  }
  for (const char* method : {"get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\n", ""})
    EXPECT_FALSE(Requester().prepare({.method = method, .url = "http://ok.example/"})) << method;
}

TEST(Egress, S58_NoVariableMakesAProxyOfAServer) {
  const Trap proxy;
  Server server({Server::answer(kOk)});
  const std::string there = proxy.url("127.0.0.1");
  for (const char* name :
       {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"})
    ::setenv(name, there.c_str(), 1);
  const auto reply = Requester({"127.0.0.1:" + std::to_string(server.port())}).get(server.url("/"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(proxy.connections(), 0U);
  EXPECT_EQ(server.connections(), 1U);
}

}  // namespace
}  // namespace tinkerbell
