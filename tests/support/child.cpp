#include "support/child.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

namespace tinkerbell {

namespace {

std::string content_of(const UniqueFd& fd) {
  std::string content;
  std::array<char, 4096> bytes{};
  ssize_t count = 0;
  while ((count = ::pread(fd.get(), bytes.data(), bytes.size(),
                          static_cast<off_t>(content.size()))) > 0)
    content.append(bytes.data(), static_cast<std::size_t>(count));
  return content;
}

}  // namespace

Child::Child(const std::vector<std::string>& argv, int out, int err) {
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  const int failed =
      ::posix_spawnp(&pid_, pointers[0], &actions, nullptr, pointers.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) pid_ = -1;
}

Child::~Child() {
  signal(SIGKILL);
  wait();
}

void Child::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Child::has_ended() const {
  siginfo_t ended{};
  return pid_ <= 0 ||
         (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          ended.si_pid == pid_);
}

int Child::wait() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, 0) != pid_) return -1;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Finished run_to_end(const std::vector<std::string>& argv) {
  const UniqueFd out(::memfd_create("out", MFD_CLOEXEC));
  const UniqueFd err(::memfd_create("err", MFD_CLOEXEC));
  Finished finished;
  finished.exit = Child(argv, out.get(), err.get()).wait();
  finished.out = content_of(out);
  finished.err = content_of(err);
  return finished;
}

}  // namespace tinkerbell
