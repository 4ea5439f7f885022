#include "support/scripted_llm.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace tinkerbell {

namespace {

std::string in_chunk(std::string_view bytes) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return size.data() + std::string(bytes) + "\r\n";
}

bool send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Reads until `input` holds at least `size` bytes.
bool receive(int connection, std::string& input, std::size_t size) {
  std::array<char, 16 << 10> bytes{};
  while (input.size() < size) {
    const ssize_t count = ::recv(connection, bytes.data(), bytes.size(), 0);
    if (count <= 0) return false;
    input.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return true;
}

bool receive_head(int connection, std::string& input, std::size_t& head_size) {
  while (true) {
    const std::size_t end = input.find("\r\n\r\n");
    if (end != std::string::npos) {
      head_size = end + 4;
      return true;
    }
    if (!receive(connection, input, input.size() + 1)) return false;
  }
}

std::string header_in(std::string_view head, std::string_view name) {
  const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == head.npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return std::string(head.substr(begin, head.find("\r\n", begin) - begin));
}

/// Bound to a port of loopback, beside others of ours; 0: any, which is put there.
UniqueFd socket_at(std::uint16_t& port) {
  UniqueFd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::setsockopt(bound.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::bind(bound.get(), generic, size) != 0 || ::getsockname(bound.get(), generic, &size) != 0) {
    std::abort();
  }
  port = ntohs(address.sin_port);
  return bound;
}

/// Of the request line.
std::string_view target_in(std::string_view head) {
  head.remove_prefix(std::min(head.find(' '), head.size() - 1) + 1);
  return head.substr(0, head.find(' '));
}

}  // namespace

std::size_t LlmRequest::turn() const {
  return static_cast<std::size_t>(
      std::ranges::count(messages_in(wire, body), "assistant", &LlmMessage::role));
}

std::string LlmRequest::goal() const {
  for (const LlmMessage& message : messages_in(wire, body)) {
    if (message.role == "user") return message.text;
  }
  return {};
}

std::string LlmRequest::last() const {
  return messages_in(wire, body).back().text;
}

LlmReply says(std::string_view text, Wire wire) {
  return answers({.text = std::string(text)}, wire);
}

LlmReply calls(std::string_view tool, const Json& arguments, Wire wire) {
  return calls_at_once({{std::string(tool), dump_json(arguments)}}, wire);
}

LlmReply calls_raw(std::string_view tool, std::string_view arguments) {
  return calls_at_once({{std::string(tool), std::string(arguments)}});
}

LlmReply calls_at_once(std::vector<LlmCall> calls, Wire wire) {
  return answers({.text = "I go on.", .calls = std::move(calls)}, wire);
}

LlmReply answers(const LlmWords& words, Wire wire) {
  return {.content_type = std::string(content_type_of(wire)), .pieces = in_words_of(wire, words)};
}

LlmReply with_usage(LlmReply reply, const Json& usage) {
  const std::string usual = R"({"completion_tokens":5,"prompt_tokens":10})";
  std::string& ending = reply.pieces.back();
  ending.replace(ending.find(usual), usual.size(), dump_json(usage));
  return reply;
}

LlmReply responds(int status, std::string content_type, std::string body) {
  return {.status = status, .content_type = std::move(content_type), .pieces = {std::move(body)}};
}

ScriptedLlm::ScriptedLlm(Script script) : script_(std::move(script)), place_(socket_at(port_)) {
  come_back();
}

ScriptedLlm::~ScriptedLlm() {
  if (listener_) go_away();
}

void ScriptedLlm::go_away() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  listener_.reset();
  {
    const std::scoped_lock lock(mutex_);
    is_away_ = true;
    for (const UniqueFd& connection : open_)
      ::shutdown(connection.get(), SHUT_RDWR);
  }
  gate_.notify_all();
  for (std::thread& server : servers_)
    server.join();
  servers_.clear();
  open_.clear();
}

void ScriptedLlm::come_back() {
  is_away_ = false;
  listener_ = socket_at(port_);
  if (::listen(listener_.get(), 128) != 0) std::abort();
  acceptor_ = std::thread([this] { accept_connections(); });
}

ScriptedLlm::Script ScriptedLlm::in_turn(std::vector<LlmReply> replies) {
  return [replies = std::move(replies)](const LlmRequest& request) {
    return request.turn() < replies.size() ? replies[request.turn()] : says("the script is over");
  };
}

void ScriptedLlm::open_gate() {
  {
    const std::scoped_lock lock(mutex_);
    gate_open_ = true;
  }
  gate_.notify_all();
}

std::vector<LlmRequest> ScriptedLlm::ledger() const {
  const std::scoped_lock lock(mutex_);
  return ledger_;
}

void ScriptedLlm::accept_connections() {
  while (true) {
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return;
    ++connections_;
    const int fd = connection.get();
    const std::scoped_lock lock(mutex_);
    open_.push_back(std::move(connection));
    servers_.emplace_back([this, fd] { serve(fd); });
  }
}

void ScriptedLlm::serve(int connection) {
  std::string input;
  std::size_t head_size = 0;
  while (receive_head(connection, input, head_size)) {
    const std::string head = input.substr(0, head_size);
    const std::string length = header_in(head, "Content-Length");
    const std::size_t size = head_size + (length.empty() ? 0 : std::stoul(length));
    if (!receive(connection, input, size)) break;
    const LlmReply reply = answer_to(head, input.substr(head_size, size - head_size));
    input.erase(0, size);
    if (!send_reply(connection, reply)) break;
  }
  ::shutdown(connection, SHUT_RDWR);
}

LlmReply ScriptedLlm::answer_to(std::string_view head, std::string_view body) {
  const std::optional<Wire> wire = wire_of(target_in(head));
  Result<Json> json = parse_json(body);
  if (!wire || !json || !json->is_object()) {
    return responds(400, "text/plain", "a question to a model was expected");
  }
  const std::scoped_lock lock(mutex_);
  LlmRequest request{
      .wire = *wire, .key = header_in(head, "Idempotency-Key"), .body = *std::move(json)};
  request.asked +=
      static_cast<std::size_t>(std::ranges::count(ledger_, request.key, &LlmRequest::key));
  ledger_.push_back(request);
  return script_(request);
}

bool ScriptedLlm::send_reply(int connection, const LlmReply& reply) {
  const std::string head = "HTTP/1.1 " + std::to_string(reply.status) +
                           " Scripted\r\nContent-Type: " + reply.content_type + "\r\n" +
                           reply.headers + "Transfer-Encoding: chunked\r\n\r\n";
  if (!send_all(connection, head)) return false;
  for (std::size_t i = 0; i < reply.pieces.size(); ++i) {
    if (reply.hold == i) wait_at_gate();
    if (!send_all(connection, in_chunk(reply.pieces[i]))) return false;
  }
  return !reply.cut && send_all(connection, "0\r\n\r\n");
}

void ScriptedLlm::wait_at_gate() {
  std::unique_lock lock(mutex_);
  ++held_;
  gate_.wait(lock, [this] { return gate_open_ || is_away_; });
  --held_;
}

}  // namespace tinkerbell
