#include "drivers/mcp/pins.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <mutex>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::size_t kFileBytesMax = 8 << 20;

struct PinnedTool {
  std::string server;
  ToolDefinition tool;

  static constexpr auto fields() {
    return described(field("server", &PinnedTool::server), field("tool", &PinnedTool::tool));
  }
};

struct PinFile {
  std::vector<PinnedTool> approved;

  static constexpr auto fields() { return described(field("approved", &PinFile::approved)); }
};

Result<PinFile> read_pins(const std::filesystem::path& file) {
  const Result<std::string> text = read_whole_file(file, kFileBytesMax);
  if (!text && text.error().code == Errc::not_found) return PinFile{};
  if (!text) return text.error();
  const Result<Json> json = parse_json(*text);
  if (!json) return json.error();
  return from_json_value<PinFile>(*json);
}

}  // namespace

/// Shared with the pool's threads, of which each writes the newest text.
struct Pins::Saved {
  std::filesystem::path file;
  std::mutex text_lock;
  std::string text;
  std::mutex file_lock;

  Result<void> write() {
    const std::lock_guard one_at_a_time(file_lock);
    std::string newest;
    {
      const std::lock_guard lock(text_lock);
      newest = text;
    }
    return write_durably(file.parent_path(), file.filename().native(), newest);
  }
};

Pins::Pins(BlockingPool& pool, std::filesystem::path file)
    : pool_(pool), saved_(std::make_shared<Saved>()) {
  saved_->file = std::move(file);
  Result<PinFile> found = read_pins(saved_->file);
  if (!found) {
    fault_ = found.error().message;
    return;
  }
  for (PinnedTool& each : found->approved)
    tools_[each.server][each.tool.name] = std::move(each.tool);
}

bool Pins::holds(const std::string& server, const ToolDefinition& tool) const {
  const ToolDefinition* const pinned = find(server, tool.name);
  return pinned != nullptr && !tool.sha256.empty() && pinned->sha256 == tool.sha256;
}

const ToolDefinition* Pins::find(const std::string& server, const std::string& tool) const {
  const auto tools = tools_.find(server);
  if (tools == tools_.end()) return nullptr;
  const auto found = tools->second.find(tool);
  return found == tools->second.end() ? nullptr : &found->second;
}

void Pins::add(const std::string& server, const std::vector<ToolDefinition>& tools,
               Completion<void> durable) {
  for (const ToolDefinition& tool : tools)
    tools_[server][tool.name] = tool;
  save(std::move(durable));
}

std::map<std::string, std::vector<std::string>> Pins::names() const {
  std::map<std::string, std::vector<std::string>> names;
  for (const auto& [server, tools] : tools_) {
    for (const auto& [tool, definition] : tools)
      names[server].push_back(tool);
  }
  return names;
}

void Pins::forget(const std::string& server, const std::string& tool,
                  Completion<std::vector<std::string>> durable) {
  std::vector<std::string> forgotten;
  if (const auto tools = tools_.find(server); tools != tools_.end()) {
    std::erase_if(tools->second, [&](const auto& each) {
      const bool meant = tool.empty() || each.first == tool;
      if (meant) forgotten.push_back(each.first);
      return meant;
    });
    if (tools->second.empty()) tools_.erase(tools);
  }
  if (forgotten.empty()) {
    const std::string what = tool.empty() ? "tool" : "tool \"" + visible_line(tool) + "\"";
    return durable(
        Error{Errc::not_found, "no " + what + " of \"" + visible_line(server) + "\" is approved"});
  }
  save(Completion<void>([forgotten = std::move(forgotten),
                         durable = std::move(durable)](const Result<void>& saved) mutable {
    saved ? durable(std::move(forgotten)) : durable(saved.error());
  }));
}

void Pins::save(Completion<void> durable) {
  PinFile all;
  for (const auto& [name, each] : tools_) {
    for (const auto& [tool, definition] : each)
      all.approved.push_back({name, definition});
  }
  {
    const std::lock_guard lock(saved_->text_lock);
    saved_->text = pretty_json(to_json_value(all));
  }
  pool_.run<void>([saved = saved_] { return saved->write(); }, std::move(durable));
}

}  // namespace tinkerbell
