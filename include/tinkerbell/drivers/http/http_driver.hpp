#pragma once

#include "tinkerbell/syscall/driver.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>

namespace tinkerbell {

class BlockingPool;
class ContentStore;
class HttpClient;
class Masker;

/// What requests are held to besides the rules by which their commands were judged.
struct HttpSettings {
  /// host:port of servers that may be talked to although they are not on the public internet.
  std::set<std::string> reach;
  /// Whether rules deny this command with these facts: for where a redirect leads.
  std::function<bool(const TaskCommand& command, const Facts& facts)> denied;
};

/// Performs AwaitHttp. Loop thread only; borrows the client, the pool, the masker and the store of
/// what is kept, which must outlive it.
///
/// prepare() looks at what is sent and where to, and asks nobody: `facts.host` is the host,
/// `facts.object` scheme, host and port. What a request must never do is refused there with
/// Errc::denied: to go to an address that is not on the public internet, or to hold a secret of the
/// daemon. perform() resolves the name, once, refuses it if one of its addresses is such a one, and
/// connects to those that it has looked at.
///
/// A body that is to be kept is in memory until all of it is there.
///
/// What may be done once only and went out without an answer is Errc::unknown_outcome.
class HttpDriver final : public Driver {
 public:
  HttpDriver(HttpClient& http, BlockingPool& pool, const Masker& masker, ContentStore& contents,
             HttpSettings settings);
  ~HttpDriver() override;

  void prepare(Call call, Completion<Prepared> prepared) override;

  void perform(Call call, Completion<Reply> done) override;

  void cancel(CommandId id) override;

 private:
  struct State;

  std::shared_ptr<State> state_;
};

}  // namespace tinkerbell
