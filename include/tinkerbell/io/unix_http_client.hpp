#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/io/http_message.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell {

/// A blocking HTTP/1.1 client on a Unix socket, for command-line programs. Keeps one connection for
/// the next request. If the server has closed it meanwhile, a new one is made before the request
/// goes out, never after: no request is sent twice. Waits as long as the server lets it wait.
class UnixHttpClient {
 public:
  explicit UnixHttpClient(std::string socket_path);
  UnixHttpClient(const UnixHttpClient&) = delete;
  UnixHttpClient& operator=(const UnixHttpClient&) = delete;
  ~UnixHttpClient();

  struct Answer {
    int status = 0;
    std::string body;
  };

  /// One request, its body as JSON. Errors: unavailable (nobody listens; the message names the
  /// path), denied, protocol (an answer that is malformed or ends early), io.
  [[nodiscard]] Result<Answer> request(std::string_view method, std::string_view target,
                                       std::string_view body = {});

  struct Event {
    std::uint64_t id = 0;
    std::string name;
    std::string data;
  };

  /// Reads server-sent events until `take` returns false or the server ends the stream (ok). An
  /// answer that is no stream is given as an Answer with its status. Errors: as request; too_large
  /// (an event over 64 MiB).
  [[nodiscard]] Result<Answer> events(std::string_view target,
                                      std::function<bool(const Event&)> take);

 private:
  struct Connection;

  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<std::unique_ptr<Connection>> ask(std::string_view method,
                                                        std::string_view target,
                                                        std::string_view body);
  [[nodiscard]] Result<Answer> finish(std::unique_ptr<Connection> connection);

  std::string socket_path_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace tinkerbell
