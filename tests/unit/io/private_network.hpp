#pragma once

#include "support/temp_dir.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tinkerbell {

/// Puts this process, which must have one thread, into namespaces of its own: no network but
/// loopback, and names are asked of 127.0.0.1. False: the system does not let it.
[[nodiscard]] inline bool enter_private_network() {
  const auto write = [](const char* file, const std::string& text) { std::ofstream(file) << text; };
  const std::string uid = std::to_string(::getuid());
  const std::string gid = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) return false;
  write("/proc/self/setgroups", "deny");
  write("/proc/self/uid_map", "0 " + uid + " 1");
  write("/proc/self/gid_map", "0 " + gid + " 1");

  const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::snprintf(loopback.ifr_name, sizeof loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  const TempDir files;  // what is mounted outlives its name
  files.write("resolv.conf", "nameserver 127.0.0.1\n");
  files.write("nsswitch.conf", "hosts: files dns\n");
  const auto put_over = [&](const char* name) {
    return ::mount((files / name).c_str(), (std::string("/etc/") + name).c_str(), nullptr, MS_BIND,
                   nullptr) == 0;
  };
  return ::ioctl(any.get(), SIOCSIFFLAGS, &loopback) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         put_over("resolv.conf") && put_over("nsswitch.conf");
}

/// Gives such a network one more address of its own, as if that server were in it.
inline void add_address(const std::string& address) {
  const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq alias{};
  std::snprintf(alias.ifr_name, sizeof alias.ifr_name, "lo:1");
  sockaddr_in it{};
  it.sin_family = AF_INET;
  ASSERT_EQ(::inet_pton(AF_INET, address.c_str(), &it.sin_addr), 1);
  std::memcpy(&alias.ifr_addr, &it, sizeof it);
  ASSERT_EQ(::ioctl(any.get(), SIOCSIFADDR, &alias), 0);
}

/// Runs a test in a process of its own, in such a network.
inline void in_private_network(void (*test)()) {
  constexpr int kNotAllowed = 77;
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_private_network()) ::_exit(kNotAllowed);
    test();
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "by signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kNotAllowed) GTEST_SKIP() << "no namespaces for us here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

/// The name server of such a network: says of each name what it was told to. Source: RFC 1035 §4.
class NameServer {
 public:
  enum class Answer : std::uint8_t { loopback, nothing, name_error, server_failure };

  using Addresses = std::vector<std::string>;  ///< Of IPv4.

  /// `addresses`: of each name, what it says the first time, the second time and so on; the last of
  /// them from then on.
  explicit NameServer(std::map<std::string, Answer> answers,
                      std::map<std::string, std::vector<Addresses>> addresses = {})
      : answers_(std::move(answers)), addresses_(std::move(addresses)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* generic = &address;
    EXPECT_EQ(::bind(socket_.get(), static_cast<const sockaddr*>(generic), sizeof address), 0);
    thread_ = std::thread([this] { serve(); });
  }

  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  ~NameServer() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }

  /// From now on this is the answer; also to those who ask already and were told nothing.
  void say(const std::string& name, Answer answer) {
    const std::scoped_lock lock(mutex_);
    answers_[name] = answer;
    for (const auto& [query, from] : unanswered_)
      reply(query, from);
  }

  /// How often somebody has asked for the addresses of IPv4.
  [[nodiscard]] int lookups(const std::string& name) const {
    const std::scoped_lock lock(mutex_);
    const auto found = lookups_.find(name);
    return found == lookups_.end() ? 0 : found->second;
  }

  /// Whether somebody has asked for the name.
  [[nodiscard]] bool was_asked_for(const std::string& name) const {
    const std::scoped_lock lock(mutex_);
    return asked_.contains(name);
  }

 private:
  static constexpr std::size_t kHeaderBytes = 12;

  void serve() {
    std::array<char, 512> bytes{};
    sockaddr_in from{};
    while (true) {
      socklen_t size = sizeof from;
      void* generic = &from;
      const ssize_t count = ::recvfrom(socket_.get(), bytes.data(), bytes.size(), 0,
                                       static_cast<sockaddr*>(generic), &size);
      if (count <= 0) return;
      const std::string query(bytes.data(), static_cast<std::size_t>(count));
      const std::scoped_lock lock(mutex_);
      asked_[name_in(query)] += 1;
      unanswered_.emplace_back(query, from);
      reply(query, from);
    }
  }

  /// "a.test" of "\1a\4test\0".
  static std::string name_in(const std::string& query) {
    std::string name;
    for (std::size_t at = kHeaderBytes; at < query.size() && query[at] != 0;) {
      const auto length = static_cast<std::size_t>(query[at]);
      name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
      at += length + 1;
    }
    return name;
  }

  /// What it says this time.
  Addresses addresses_for(const std::string& name) {
    const auto found = addresses_.find(name);
    if (found == addresses_.end()) return {"127.0.0.1"};
    Addresses now = found->second.front();
    if (found->second.size() > 1) found->second.erase(found->second.begin());
    return now;
  }

  void reply(const std::string& query, const sockaddr_in& to) {
    const std::string name = name_in(query);
    const auto found = answers_.find(name);
    const Answer answer = addresses_.contains(name) ? Answer::loopback
                          : found == answers_.end() ? Answer::name_error
                                                    : found->second;
    if (answer == Answer::nothing) return;
    const std::size_t question_end = kHeaderBytes + name.size() + 2 + 4;  // with type and class
    const bool wants_ipv4 = query[question_end - 3] == 1;
    const bool has_addresses = answer == Answer::loopback && wants_ipv4;
    if (wants_ipv4) lookups_[name] += 1;
    const Addresses addresses = has_addresses ? addresses_for(name) : Addresses();
    const char code = answer == Answer::name_error ? 3 : answer == Answer::server_failure ? 2 : 0;
    std::string text = query.substr(0, 2) + "\x81" + static_cast<char>(0x80 | code);
    text += std::string("\0\1\0", 3) + static_cast<char>(addresses.size());
    text += std::string("\0\0\0\0", 4) + query.substr(kHeaderBytes, question_end - kHeaderBytes);
    for (const std::string& address : addresses) {
      // The name again, type A, class IN, to be kept for 0 seconds, 4 bytes.
      text += std::string("\xC0\x0C\0\1\0\1\0\0\0\0\0\4", 12);
      std::array<char, 4> bytes{};
      EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), bytes.data()), 1);
      text.append(bytes.data(), bytes.size());
    }
    const void* generic = &to;
    ::sendto(socket_.get(), text.data(), text.size(), 0, static_cast<const sockaddr*>(generic),
             sizeof to);
  }

  UniqueFd socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  mutable std::mutex mutex_;
  std::map<std::string, Answer> answers_;
  std::map<std::string, std::vector<Addresses>> addresses_;
  std::map<std::string, int> lookups_;
  std::map<std::string, int> asked_;
  std::vector<std::pair<std::string, sockaddr_in>> unanswered_;
  std::thread thread_;
};

}  // namespace tinkerbell
