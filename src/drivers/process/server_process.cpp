#include "tinkerbell/drivers/process/server_process.hpp"

#include "drivers/process/plan.hpp"
#include "drivers/process/run.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/shim/server.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace tinkerbell {

namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

/// Its ends stand above the places that the shim gets them at.
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return os_error("pipe", errno);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> file_in_memory(std::string_view content) {
  UniqueFd file(::memfd_create("tinkerbell-serve", MFD_CLOEXEC));
  if (!file) return os_error("make a file in memory", errno);
  if (Result<void> written = write_all(file.get(), content, "the spec"); !written) {
    return written.error();
  }
  return file;
}

/// A descriptor that posix_spawn(3) can move to its place without meeting another one's.
Result<UniqueFd> out_of_the_way(const UniqueFd& fd) {
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 16));
  if (!moved) return os_error("move a descriptor", errno);
  return moved;
}

Result<UniqueFd> spawn(const std::filesystem::path& shim, const std::array<int, 4>& descriptors) {
  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_t files{};
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGCHLD);
  ::posix_spawnattr_setsigmask(&attributes, &set);
  ::sigfillset(&set);
  ::posix_spawnattr_setsigdefault(&attributes, &set);
  for (int place = 0; place < static_cast<int>(descriptors.size()); ++place)
    ::posix_spawn_file_actions_adddup2(&files, descriptors.at(static_cast<std::size_t>(place)),
                                       place);
  ::posix_spawn_file_actions_addclosefrom_np(&files, static_cast<int>(descriptors.size()));
  std::string program = shim.string();
  std::string option(kServeOption);
  const std::array<char*, 3> argv{program.data(), option.data(), nullptr};
  const std::array<char*, 1> env{nullptr};
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, program.c_str(), &files, &attributes, argv.data(), env.data());
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return os_error("start " + program, error);
  UniqueFd pidfd = open_pidfd(pid);
  if (!pidfd) return os_error("open pidfd", errno);
  return pidfd;
}

void do_not_block(const UniqueFd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

Result<ServerProcess> start_server(const ServerProgram& program, const std::string& workspace,
                                   TaskId draft, const ProcessSettings& settings) {
  const Call call{.command = AwaitProcess{.argv = program.argv, .env = program.env},
                  .workspace = workspace,
                  .draft = draft,
                  .key = {},
                  .facts = {},
                  .pre_image = {}};
  FileHashes hashes;
  PrivatePathsLook private_paths;
  const Result<Plan> plan = plan_run(call, settings, hashes, private_paths, program.access);
  if (!plan) return plan.error();
  const ServeSpec spec{.run = spec_of(call, *plan, settings, private_paths, {}, "/tmp"),
                       .daemon = ::getpid()};
  const Result<UniqueFd> file = file_in_memory(dump_json(to_json_value(spec)));
  if (!file) return file.error();

  Result<Pipe> input = make_pipe();
  Result<Pipe> output = make_pipe();
  Result<Pipe> complaints = make_pipe();
  for (const Result<Pipe>* const pipe : {&input, &output, &complaints}) {
    if (!*pipe) return pipe->error();
  }
  const std::array<Result<UniqueFd>, 4> given{
      out_of_the_way(input->read), out_of_the_way(output->write), out_of_the_way(complaints->write),
      out_of_the_way(*file)};
  std::array<int, 4> descriptors{};
  for (std::size_t place = 0; place < given.size(); ++place) {
    if (!given.at(place)) return given.at(place).error();
    descriptors.at(place) = given.at(place)->get();
  }
  Result<UniqueFd> shim = spawn(settings.shim, descriptors);
  if (!shim) return shim.error();
  do_not_block(input->write);
  do_not_block(output->read);
  do_not_block(complaints->read);
  return ServerProcess{.shim = *std::move(shim),
                       .input = std::move(input->write),
                       .output = std::move(output->read),
                       .complaints = std::move(complaints->read)};
}

void end_server(int shim) {
  send_signal(shim, SIGTERM);
}

bool reap_server(int shim) {
  if (!has_ended(shim)) return false;
  reap(shim);
  return true;
}

}  // namespace tinkerbell
