#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/tool_commands.hpp"
#include "tinkerbell/io/blocking_pool.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

/// The definitions of tools that people have approved. Loop thread only.
class Pins {
 public:
  /// Reads the file. One that is not there, or cannot be read, holds none: all is asked again.
  Pins(BlockingPool& pool, std::filesystem::path file);

  /// Why the file could not be read.
  [[nodiscard]] const std::string& fault() const { return fault_; }

  [[nodiscard]] bool holds(const std::string& server, const ToolDefinition& tool) const;

  /// What was approved under this name, whatever it was; null: nothing.
  [[nodiscard]] const ToolDefinition* find(const std::string& server,
                                           const std::string& tool) const;

  /// Their names, by server.
  [[nodiscard]] std::map<std::string, std::vector<std::string>> names() const;

  /// Adds them, and says when that is durable. Errors: io, denied.
  void add(const std::string& server, const std::vector<ToolDefinition>& tools,
           Completion<void> durable);

  /// Takes away that tool, or all of the server (empty), at once; says which, when that is durable.
  /// Errors: not_found (there is none of that), io, denied.
  void forget(const std::string& server, const std::string& tool,
              Completion<std::vector<std::string>> durable);

 private:
  struct Saved;

  void save(Completion<void> durable);

  BlockingPool& pool_;
  std::map<std::string, std::map<std::string, ToolDefinition>> tools_;
  std::shared_ptr<Saved> saved_;
  std::string fault_;
};

}  // namespace tinkerbell
