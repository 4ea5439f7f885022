#include "support/scripted_http_server.hpp"
#include "unit/io/loop.hpp"
#include "unit/io/private_network.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/io/http_client.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

/// How the client fares with names, against a name server of the test's own.
namespace tinkerbell {
namespace {

using Server = ScriptedHttpServer;
using Answer = NameServer::Answer;
using testing::HasSubstr;

const std::string kOk = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// A client with one thread for names: whoever holds it up would hold up all.
class Asker {
 public:
  using Outcome = std::optional<Result<HttpHead>>;

  void start(const std::string& url, Outcome& outcome, HttpTimeouts timeouts = {}) {
    client_.start({.url = url, .timeouts = timeouts}, {},
                  Completion<HttpHead>([&](Result<HttpHead> result) { outcome = result; }));
  }

  Result<HttpHead> fetch(const std::string& url) {
    Outcome outcome;
    start(url, outcome);
    EXPECT_TRUE(wait([&] { return outcome.has_value(); }));
    return outcome.value_or(Error{});
  }

  template <class Condition>
  [[nodiscard]] bool wait(Condition condition) {
    return run_until(loop_, condition);
  }

 private:
  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 1};
  HttpClient client_{loop_.get_executor(), pool_};
};

std::string url_of(const std::string& host, const Server& server) {
  return "http://" + host + ":" + std::to_string(server.port()) + "/";
}

TEST(HttpClientNames, F38_ANameThatIsNotThereOrCannotBeFoundOutIsAServerThatCannotBeReached) {
  in_private_network([] {
    const NameServer names({{"broken.test", Answer::server_failure}});
    Asker asker;
    const Result<HttpHead> nowhere = asker.fetch("http://nowhere.test/");
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, Errc::unavailable);
    EXPECT_THAT(nowhere.error().message, HasSubstr("resolve nowhere.test: Name or service not"));
    const Result<HttpHead> broken = asker.fetch("http://broken.test/");
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().code, Errc::unavailable);
    EXPECT_THAT(broken.error().message, HasSubstr("resolve broken.test: Temporary failure"));
  });
}

TEST(HttpClientNames, F38_ANameServerThatIsSilentHoldsUpNeitherTheLoopNorWhoNeedsNoName) {
  in_private_network([] {
    NameServer names({{"slow.test", Answer::nothing}});
    Server server({Server::answer(kOk)});
    Asker asker;
    Asker::Outcome slow;
    asker.start("http://slow.test/", slow);
    ASSERT_TRUE(asker.wait([&] { return names.was_asked_for("slow.test"); }));
    EXPECT_TRUE(asker.fetch(url_of("127.0.0.1", server)));
    EXPECT_FALSE(slow) << "it waits all the while";
    names.say("slow.test", Answer::name_error);
    ASSERT_TRUE(asker.wait([&] { return slow.has_value(); }));
    EXPECT_EQ(slow->error().code, Errc::unavailable);
  });
}

TEST(HttpClientNames, F38_NamesThatNobodyWaitsForAnyMoreAreNotAskedFor) {
  in_private_network([] {
    NameServer names({{"slow.test", Answer::nothing}, {"here.test", Answer::loopback}});
    Server server({Server::answer(kOk)});
    Asker asker;
    std::map<std::string, Asker::Outcome> outcomes;
    for (const char* name : {"slow.test", "second.test", "third.test"}) {
      asker.start(std::string("http://") + name + "/", outcomes[name],
                  {.connect = Milliseconds(30)});
    }
    for (const auto& [name, outcome] : outcomes)
      ASSERT_TRUE(asker.wait([&] { return outcome.has_value(); })) << name;
    EXPECT_THAT(outcomes["slow.test"]->error().message, HasSubstr("no connection within 30 ms"));
    names.say("slow.test", Answer::name_error);
    EXPECT_TRUE(asker.fetch(url_of("here.test", server)));
    EXPECT_TRUE(names.was_asked_for("slow.test"));
    EXPECT_FALSE(names.was_asked_for("second.test"));
    EXPECT_FALSE(names.was_asked_for("third.test"));
  });
}

TEST(HttpClientNames, F38_ANameIsAskedForAnewEachTime) {
  in_private_network([] {
    NameServer names({});
    Server server({Server::answer(kOk)});
    Asker asker;
    EXPECT_FALSE(asker.fetch(url_of("late.test", server)));
    names.say("late.test", Answer::loopback);
    EXPECT_TRUE(asker.fetch(url_of("late.test", server)));
  });
}

TEST(HttpClientNames, F37_AnAddressWithoutRouteIsAServerThatCannotBeReached) {
  in_private_network([] {
    Asker asker;
    const Result<HttpHead> head = asker.fetch("http://192.0.2.1/");
    ASSERT_FALSE(head);
    EXPECT_EQ(head.error().code, Errc::unavailable);
    EXPECT_THAT(head.error().message, HasSubstr("Network is unreachable"));
  });
}

}  // namespace
}  // namespace tinkerbell
