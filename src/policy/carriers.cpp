#include "policy/carriers.hpp"

#include <algorithm>
#include <array>

namespace tinkerbell {

namespace {

/// Interpreters, debuggers and containers. Versions and variants are part of their names:
/// python3.11, perl5.36-x86_64-linux-gnu, busybox-static.
constexpr auto kFamilies = std::to_array<std::string_view>({
    "busybox", "deno",   "docker",   "elixir", "emacs",    "erl",   "expect", "fakeroot",
    "gdb",     "ghci",   "groovy",   "guile",  "iex",      "irb",   "java",   "jrunscript",
    "jshell",  "julia",  "ld-",      "ld.so",  "lldb",     "lua",   "lxc",    "node",
    "nvim",    "ocaml",  "parallel", "perf",   "perl",     "php",   "podman", "proot",
    "pypy",    "python", "qemu-",    "ruby",   "runghc",   "scala", "socat",  "strace",
    "sudo",    "tclsh",  "tmux",     "toybox", "valgrind", "vim",   "wine",   "xvfb-run",
});

/// Programs whose arguments are another program, and tools with a command language of their own.
// clang-format off: a list to read, not a column
constexpr auto kCarriers = std::to_array<std::string_view>({
    "R", "Rscript", "at", "awk", "batch", "bc", "bsdtar", "bun", "bunx", "bwrap", "capsh",
    "cgexec", "chpst", "chroot", "chrt", "cpio", "crontab", "dbus-launch", "dbus-run-session",
    "dc", "doas", "dotnet", "eatmydata", "ed", "entr", "env", "ex", "faketime", "fd", "fdfind",
    "find", "firejail", "flock", "ftp", "gawk", "gimp", "gmake", "gsed", "gtimeout", "i386",
    "incus", "ionice", "just", "kubectl", "less", "linux32", "linux64", "logsave", "ltrace",
    "m4", "machinectl", "make", "man", "mawk", "more", "most", "mysql", "nano", "nawk", "nc",
    "nc.openbsd", "nc.traditional", "ncat", "nice", "ninja", "nohup", "npx", "nsenter",
    "numactl", "original-awk", "pico", "pipx", "pkexec", "prlimit", "psql", "red", "rlwrap",
    "rsync", "run-parts", "runuser", "rview", "rvim", "scp", "screen", "script", "sed",
    "setarch", "setpriv", "setsid", "sftp", "softlimit", "sqlite3", "ssh-agent", "sshpass",
    "start-stop-daemon", "stdbuf", "su", "systemd-run", "tar", "taskset", "time", "timeout",
    "uname26", "unbuffer", "unshare", "uvx", "vi", "view", "watch", "x86_64", "xargs", "zip",
});
// clang-format on

/// sh, bash, dash, zsh, fish, csh, pwsh and what else there is; ssh and rsh too.
bool is_shell(std::string_view name) {
  return name.ends_with("sh") || name.ends_with("sh-static");
}

}  // namespace

bool is_carrier(std::string_view program_name) {
  return is_shell(program_name) || std::ranges::find(kCarriers, program_name) != kCarriers.end() ||
         std::ranges::any_of(
             kFamilies, [&](std::string_view family) { return program_name.starts_with(family); });
}

}  // namespace tinkerbell
