#include "drivers/llm/sendable.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <string_view>

namespace tinkerbell {

std::string sendable_name(const std::string& name) {
  constexpr std::size_t kNameBytesMax = 64;
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  std::string sendable = name.substr(0, kNameBytesMax);
  std::ranges::replace_if(sendable, [&](char c) { return !kAllowed.contains(c); }, '_');
  return sendable.empty() ? "_" : sendable;
}

Json sendable_object(const std::string& arguments) {
  Result<Json> parsed = parse_json(arguments);
  if (parsed && parsed->is_object()) return *std::move(parsed);
  if (arguments.empty()) return Json::object();
  return {{"invalid_arguments", valid_utf8(arguments)}};
}

std::string sendable_arguments(const std::string& arguments) {
  const Result<Json> parsed = parse_json(arguments);
  if (parsed && parsed->is_object()) return arguments;
  return dump_json(sendable_object(arguments));
}

std::string_view effort_of(Thinking thinking) {
  return thinking == Thinking::off ? "none" : name_of(thinking);
}

Json named_schema(const Json& schema) {
  return {{"name", "answer"}, {"schema", schema}, {"strict", true}};
}

Json function_tool(const ToolSchema& tool) {
  return {
      {"type", "function"},
      {"function",
       {{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}}}};
}

}  // namespace tinkerbell
