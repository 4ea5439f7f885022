#include "tinkerbell/shim/probe.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace tinkerbell {

namespace {

bool sees(const ProbeFile& file) {
  struct stat found{};
  return ::stat(file.path.c_str(), &found) == 0 && found.st_dev == file.device &&
         found.st_ino == file.inode;
}

bool can_write_in(const std::string& directory) {
  const std::string file = directory + "/.tinkerbell-probe";
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return fd && ::unlink(file.c_str()) == 0;
}

/// Of a file nothing but the opening is tried: the kernel acts upon what is written to its own.
bool can_write(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
  return file || can_write_in(path);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

template <class Address>
bool can_connect(int kind, const Address& address) {
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const UniqueFd fd(::socket(generic->sa_family, kind | SOCK_CLOEXEC, 0));
  return fd && ::connect(fd.get(), generic, sizeof(address)) == 0;
}

void send_datagram(std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::sendto(fd.get(), "probe", 5, 0, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

/// Through /proc, since a socket's own path may be longer than an address holds.
bool can_reach_socket(const std::string& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", fd.get(),
                std::string(kProbeSocket).c_str());
  return can_connect(SOCK_STREAM, address);
}

}  // namespace

ProbeReport try_forbidden_things(const SandboxProbe& probe) {
  ProbeReport report;
  const auto note = [&](bool succeeded, std::string what) {
    if (succeeded) report.succeeded.push_back(std::move(what));
  };
  for (const ProbeFile& file : probe.unseen)
    note(sees(file), "see " + file.path);
  for (const std::string& path : probe.unwritable)
    note(can_write(path), "write to " + path);
  note(can_connect(SOCK_STREAM, loopback(probe.tcp_port)), "connect to the host by TCP");
  note(can_reach_socket(probe.socket_directory), "connect to a hidden Unix socket");
  send_datagram(probe.udp_port);
  // Last, since it changes this process where it succeeds.
  note(::unshare(CLONE_NEWUSER) == 0, "make a user namespace");
  report.complete = true;
  return report;
}

}  // namespace tinkerbell
