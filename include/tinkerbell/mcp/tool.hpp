#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::mcp {

/// A tool as its server describes it. Titles, annotations and icons are left out: they are for
/// people who trust the server.
struct Tool {
  std::string name;
  std::string description;
  Json schema = Json::object();  ///< Of its arguments, an object.

  bool operator==(const Tool&) const = default;
};

/// The tools of a server, or a page of them.
struct ToolList {
  std::vector<Tool> tools;
  std::vector<std::string> left;      ///< "NAME: why": what cannot be offered.
  std::optional<Milliseconds> ttl{};  ///< How long the server says that this holds.
};

/// Reads one page of tools/list and adds it to `list`; the cursor of the next one, empty where this
/// was the last. Errors: protocol; too_large (more than 1 000 tools, or 1 MiB of them).
[[nodiscard]] Result<std::string> add_page(const Json& result, ToolList& list);

/// What an approval is bound to: SHA-256 (hexadecimal) over the server's name, how it is started,
/// and the tool's name, description and schema.
[[nodiscard]] std::string definition_hash(const std::string& server,
                                          const std::vector<std::string>& argv, const Tool& tool);

/// As a model is offered it: "server__tool", in at most 64 characters that all model services take.
/// A name that does not fit as it is ends with the beginning of its hash. No tool of another
/// server, and none of our own, is ever called so.
[[nodiscard]] std::string offered_name(const std::string& server, const std::string& tool);

/// 1 to 24 of a-z, 0-9 and "-": no underscore, so that "server__tool" says which server it is.
[[nodiscard]] bool is_server_name(std::string_view name);

}  // namespace tinkerbell::mcp
