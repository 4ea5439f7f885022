#include "tinkerbell/drivers/process/sandbox_probe.hpp"

#include "drivers/process/environment.hpp"
#include "drivers/process/run.hpp"
#include "drivers/process/sandbox.hpp"

#include "tinkerbell/shim/probe.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProbeFile = "probe.json";
constexpr Milliseconds kProbeTimeout{10'000};
constexpr std::uint64_t kProbeOutputBytesMax = 64 << 10;
constexpr std::array kNamespaces = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};

/// Root's number is enough to write these, capabilities or not. The first names a program that the
/// host's kernel runs as root.
constexpr std::array kKernelSettings = {"/proc/sys/kernel/core_pattern",
                                        "/proc/sys/kernel/modprobe",
                                        "/proc/sys/vm/overcommit_memory",
                                        "/proc/sys/fs/binfmt_misc/register",
                                        "/proc/sysrq-trigger",
                                        "/proc/mtrr",
                                        "/proc/acpi/wakeup",
                                        "/proc/irq/default_smp_affinity",
                                        "/proc/fs",
                                        "/proc/bus"};

/// Somebody to be reached who must not be: on loopback, by TCP and UDP, and by a Unix socket.
class Listeners {
 public:
  static Result<Listeners> open(const fs::path& directory) {
    Listeners listeners;
    if (!listeners.open_internet() || !listeners.open_unix(directory)) {
      return os_error("listen", errno);
    }
    return listeners;
  }

  [[nodiscard]] std::uint16_t tcp_port() const { return port_of(tcp_); }

  [[nodiscard]] std::uint16_t udp_port() const { return port_of(udp_); }

  [[nodiscard]] bool got_datagram() const {
    char byte = 0;
    return ::recv(udp_.get(), &byte, sizeof(byte), MSG_DONTWAIT) >= 0;
  }

 private:
  bool open_internet() {
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    tcp_ = bound(SOCK_STREAM, loopback);
    udp_ = bound(SOCK_DGRAM, loopback);
    return tcp_ && udp_ && ::listen(tcp_.get(), 1) == 0;
  }

  /// Through /proc, since the path itself may be longer than an address holds.
  bool open_unix(const fs::path& directory) {
    const UniqueFd parent(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent) return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", parent.get(),
                  std::string(kProbeSocket).c_str());
    unix_ = bound(SOCK_STREAM, address);
    return unix_ && ::listen(unix_.get(), 1) == 0;
  }

  template <class Address>
  static UniqueFd bound(int kind, const Address& address) {
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    UniqueFd fd(::socket(generic->sa_family, kind | SOCK_CLOEXEC, 0));
    if (fd && ::bind(fd.get(), generic, sizeof(address)) != 0) fd.reset();
    return fd;
  }

  static std::uint16_t port_of(const UniqueFd& fd) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  UniqueFd tcp_;
  UniqueFd udp_;
  UniqueFd unix_;
};

/// A directory of its own, gone with the object.
class ProbeDirectory {
 public:
  static Result<ProbeDirectory> make(const fs::path& runs_directory) {
    if (auto made = make_runs_directory(runs_directory); !made) return made.error();
    std::string path = (runs_directory / "probeXXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) return os_error("make " + path, errno);
    ProbeDirectory directory(fs::canonical(path));
    fs::create_directories(directory.hidden());
    return directory;
  }

  ProbeDirectory(ProbeDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}

  ProbeDirectory& operator=(ProbeDirectory&&) = delete;
  ProbeDirectory(const ProbeDirectory&) = delete;
  ProbeDirectory& operator=(const ProbeDirectory&) = delete;

  ~ProbeDirectory() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }

  /// Of this probe alone: what is left of it is ended by its key (end_stragglers), and at the same
  /// time another daemon may try its own sandbox.
  [[nodiscard]] std::string key() const { return key_of_run(path_); }

  [[nodiscard]] fs::path run() const { return path_ / "run"; }

  [[nodiscard]] fs::path workspace() const { return path_ / "workspace"; }

  /// In the workspace: the hard case.
  [[nodiscard]] fs::path hidden() const { return workspace() / "hidden"; }

 private:
  explicit ProbeDirectory(fs::path path) : path_(std::move(path)) {}

  fs::path path_;
};

void add_if_there(std::vector<ProbeFile>& files, const fs::path& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0) {
    files.push_back({path.string(), found.st_dev, found.st_ino});
  }
}

SandboxProbe things_to_try(const ProcessSettings& settings, const ProbeDirectory& directory,
                           const Listeners& listeners) {
  SandboxProbe probe{.unseen = {},
                     .unwritable = {"/usr", "/etc"},
                     .tcp_port = listeners.tcp_port(),
                     .udp_port = listeners.udp_port(),
                     .socket_directory = directory.hidden().string()};
  for (const char* path : kKernelSettings)
    probe.unwritable.emplace_back(path);
  for (const char* path : {"/home", "/root", "/run", "/tmp"})
    add_if_there(probe.unseen, path);
  add_if_there(probe.unseen, directory.hidden());
  for (const fs::path& path : hidden_paths(settings))
    add_if_there(probe.unseen, path);
  for (const char* name : kNamespaces)
    add_if_there(probe.unseen, fs::path("/proc/self/ns") / name);
  return probe;
}

Result<RunSpec> probe_spec(const ProcessSettings& settings, const ProbeDirectory& directory) {
  const std::string path = directory.workspace().string();
  Result<std::shared_ptr<Workspace>> workspace = Workspace::open(path);
  if (!workspace) return workspace.error();
  SandboxView view{.workspace = *std::move(workspace),
                   .cwd = path,
                   .hidden = hidden_paths(settings),
                   .read_only = {}};
  view.hidden.push_back(directory.hidden());
  RunSpec spec{.program = settings.bubblewrap.string(),
               .argv = sandbox_for(view, private_paths(settings), settings.shim).arguments,
               .env = program_environment({}, directory.key(), path, kSandboxHome, settings),
               .cwd = "/",
               .sandboxed = true,
               .timeout = kProbeTimeout,
               .output_bytes_max = kProbeOutputBytesMax};
  spec.argv.insert(spec.argv.begin(), spec.program);
  spec.argv.insert(spec.argv.end(), {kShimInSandbox, std::string(kProbeOption),
                                     (directory.workspace() / kProbeFile).string()});
  return spec;
}

Result<AwaitProcess::Reply> run_to_end(const fs::path& shim, const fs::path& run,
                                       const RunSpec& spec) {
  const Result<UniqueFd> started = start_run(shim, run, spec);
  if (!started) return started.error();
  const std::span shims(&*started, 1);
  if (!wait_for_end(shims, 2 * kProbeTimeout)) {
    send_signal(started->get(), SIGKILL);
    return Error{Errc::timed_out, "the probe does not end"};
  }
  return outcome_of(run);
}

Result<ProbeReport> report_in(const AwaitProcess::Reply& reply) {
  const auto unreadable = [&] {
    return Error{Errc::unsupported,
                 "exit code " + std::to_string(reply.exit_code) + ": " + reply.output};
  };
  const Result<Json> json = parse_json(reply.output);
  if (reply.exit_code != 0 || !json) return unreadable();
  Result<ProbeReport> report = from_json_value<ProbeReport>(*json);
  if (!report || !report->complete) return unreadable();
  return report;
}

Result<ProbeReport> run_probe(const ProcessSettings& settings) {
  const Result<ProbeDirectory> directory = ProbeDirectory::make(settings.runs_directory);
  if (!directory) return directory.error();
  const Result<Listeners> listeners = Listeners::open(directory->hidden());
  if (!listeners) return listeners.error();
  const SandboxProbe probe = things_to_try(settings, *directory, *listeners);
  if (auto written = write_record(directory->workspace(), kProbeFile, probe); !written) {
    return written.error();
  }
  const Result<RunSpec> spec = probe_spec(settings, *directory);
  if (!spec) return spec.error();
  const Result<AwaitProcess::Reply> reply = run_to_end(settings.shim, directory->run(), *spec);
  if (!reply) return reply.error();
  Result<ProbeReport> report = report_in(*reply);
  if (report && listeners->got_datagram()) report->succeeded.push_back("reach the host by UDP");
  return report;
}

}  // namespace

Result<void> probe_sandbox(const ProcessSettings& settings) {
  if (settings.sandbox == ProcessSandbox::none) return {};
  const Result<ProbeReport> report = run_probe(settings);
  if (!report) return Error{Errc::unsupported, report.error().message}.with("no working sandbox");
  if (report->succeeded.empty()) return {};
  std::string message = "the sandbox leaks; a program in it could";
  for (const std::string& what : report->succeeded)
    message += " " + what + ";";
  message.pop_back();
  return Error{Errc::unsupported, std::move(message)};
}

}  // namespace tinkerbell
