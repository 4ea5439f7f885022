#include "tinkerbell/mcp/tool.hpp"

#include "mcp/text_in.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell::mcp {

namespace {

constexpr std::size_t kServerNameMax = 24;
constexpr std::size_t kToolNameMax = 128;
constexpr std::size_t kOfferedNameMax = 64;
constexpr std::size_t kHashDigits = 8;
constexpr std::size_t kToolsMax = 1'000;
constexpr std::size_t kDescriptionBytesMax = 16 << 10;
constexpr std::size_t kSchemaBytesMax = 64 << 10;
constexpr std::size_t kListBytesMax = 1 << 20;
constexpr std::size_t kShownNameMax = 64;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kToolNameMax && std::ranges::all_of(name, [](char c) {
    return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.';
  });
}

/// Why a tool cannot be offered, or nothing.
std::string fault_of(const Tool& tool) {
  if (!is_tool_name(tool.name)) return "not a name of a tool";
  if (tool.description.size() > kDescriptionBytesMax) return "its description is too long";
  if (!tool.schema.is_object() || tool.schema.value("type", Json("object")) != "object") {
    return "its arguments are no object";
  }
  return dump_json(tool.schema).size() > kSchemaBytesMax ? "its schema is too long" : "";
}

std::size_t bytes_of(const ToolList& list) {
  std::size_t bytes = 0;
  for (const Tool& tool : list.tools)
    bytes += tool.name.size() + tool.description.size() + dump_json(tool.schema).size();
  for (const std::string& left : list.left)
    bytes += left.size();
  return bytes;
}

Error too_many() {
  return {Errc::too_large, "more than " + std::to_string(kToolsMax) + " tools, or " +
                               in_bytes(kListBytesMax) + " of them"};
}

}  // namespace

Result<std::string> add_page(const Json& result, ToolList& list) {
  const auto tools = result.find("tools");
  if (tools == result.end() || !tools->is_array()) {
    return Error{Errc::protocol, "tools/list: no \"tools\" in the answer"};
  }
  if (list.tools.size() + list.left.size() + tools->size() > kToolsMax) return too_many();
  for (const Json& each : *tools) {
    if (!each.is_object()) return Error{Errc::protocol, "tools/list: a tool that is no object"};
    Tool tool{.name = text_in(each, "name"),
              .description = valid_utf8(text_in(each, "description")),
              .schema = each.value("inputSchema", Json())};
    std::string fault = fault_of(tool);
    if (fault.empty() && std::ranges::count(list.tools, tool.name, &Tool::name) > 0) {
      fault = "another one has this name";
    }
    if (fault.empty()) {
      list.tools.push_back(std::move(tool));
    } else {
      list.left.push_back(shortened(visible_line(tool.name), kShownNameMax) + ": " + fault);
    }
  }
  if (bytes_of(list) > kListBytesMax) return too_many();
  if (const auto ttl = result.find("ttlMs"); ttl != result.end() && ttl->is_number_unsigned()) {
    list.ttl = Milliseconds(std::min<std::uint64_t>(ttl->get<std::uint64_t>(), 86'400'000));
  }
  return text_in(result, "nextCursor");
}

std::string definition_hash(const std::string& server, const std::vector<std::string>& argv,
                            const Tool& tool) {
  // The names are sorted, so one value has one text.
  return sha256(dump_json(Json{{"server", server},
                               {"transport", "stdio"},
                               {"command", argv},
                               {"name", tool.name},
                               {"description", tool.description},
                               {"schema", tool.schema}}))
      .hex();
}

std::string offered_name(const std::string& server, const std::string& tool) {
  const std::string whole = server + "__" + tool;
  std::string name = whole;
  std::ranges::replace_if(
      name, [](char c) { return !is_letter_or_digit(c) && c != '_' && c != '-'; }, '_');
  if (name == whole && name.size() <= kOfferedNameMax) return name;
  name.resize(std::min(name.size(), kOfferedNameMax - kHashDigits - 1));
  return name + "_" + sha256(whole).hex().substr(0, kHashDigits);
}

bool is_server_name(std::string_view name) {
  return !name.empty() && name.size() <= kServerNameMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace tinkerbell::mcp
