#pragma once

#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <functional>
#include <memory>
#include <string>

namespace tinkerbell {

class BlockingPool;
class ProcessDriver;

struct GitSettings {
  ProcessSettings process;
  /// What the rules say of reading a path; any thread.
  std::function<bool(const std::string& path)> may_read;
};

/// Performs the commands of git, each as one program that ProcessDriver runs, watches, finds again
/// after a restart and ends, always in the sandbox (HAZARDS S19-S21). What only looks at a
/// repository sees the workspace read-only. Loop thread only; owned by the daemon. Pool and
/// programs must outlive it.
///
/// In the facts stand, as files, the program and what says what git would do: the repository's
/// settings, and of a commit the index.
class GitDriver final : public Driver {
 public:
  GitDriver(BlockingPool& pool, ProcessDriver& programs, GitSettings settings);
  ~GitDriver() override;

  void prepare(Call call, Completion<Prepared> prepared) override;
  void perform(Call call, Completion<Reply> done) override;

  /// As ProcessDriver does. What nobody saw end and may be done again is done again.
  void recover(Call call, Completion<Reply> done) override;

  void cancel(CommandId id) override;
  void settled(const std::string& key) override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tinkerbell
