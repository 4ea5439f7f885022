#include "tinkerbell/mcp/call_result.hpp"

#include "mcp/text_in.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell::mcp {

namespace {

/// Of a result so much is kept: it stands in the journal.
constexpr std::size_t kTextBytesMax = 256 << 10;
constexpr std::size_t kStructuredBytesMax = 256 << 10;
constexpr std::size_t kStateBytesMax = 64 << 10;

std::string left_out(const Json& part, const std::string& type, const char* data) {
  return "[" + type + " " + text_in(part, "mimeType") + ", " +
         std::to_string(text_in(part, data).size()) + " bytes of base64 left out]";
}

std::string resource_text(const Json& part) {
  const Json resource = part.value("resource", Json::object());
  if (!resource.is_object()) return "[a resource that is none]";
  const std::string about = "[resource " + text_in(resource, "uri") + "]";
  if (resource.contains("text")) return about + "\n" + text_in(resource, "text");
  return about + "\n" + left_out(resource, "blob", "blob");
}

std::string text_of(const Json& part) {
  const std::string type = part.is_object() ? text_in(part, "type") : std::string();
  if (type == "text") return text_in(part, "text");
  if (type == "image" || type == "audio") return left_out(part, type, "data");
  if (type == "resource_link") {
    return "[resource " + text_in(part, "uri") + " " + text_in(part, "name") + "]";
  }
  if (type == "resource") return resource_text(part);
  return "[content of an unknown type]";
}

/// `text` is valid UTF-8.
std::string head_and_tail(const std::string& text) {
  if (text.size() <= kTextBytesMax) return text;
  const auto is_inside = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  std::size_t head = kTextBytesMax / 2;
  while (is_inside(head))
    --head;
  std::size_t tail = text.size() - kTextBytesMax / 2;
  while (is_inside(tail))
    ++tail;
  return text.substr(0, head) + "\n[…]\n" + text.substr(tail);
}

Result<CallResult> wants_input(const Json& result) {
  CallResult call;
  call.input_requests = result.value("inputRequests", Json::object());
  call.request_state = text_in(result, "requestState");
  if (!call.input_requests.is_object() || call.request_state.size() > kStateBytesMax) {
    return Error{Errc::protocol, "tools/call: not a form of input_required"};
  }
  return call;
}

}  // namespace

Result<CallResult> call_result_of(const Json& result) {
  const std::string kind = text_in(result, "resultType");
  if (kind == "input_required") return wants_input(result);
  if (!kind.empty() && kind != "complete") {
    return Error{Errc::unsupported, "tools/call: a result of type " + visible_line(kind)};
  }
  CallResult call;
  const Json content = result.value("content", Json::array());
  if (!content.is_array()) return Error{Errc::protocol, "tools/call: content that is no array"};
  std::string text;
  for (const Json& part : content)
    text += (text.empty() ? "" : "\n") + text_of(part);
  call.structured = result.value("structuredContent", Json());
  if (const std::string structured = dump_json(call.structured);
      structured.size() > kStructuredBytesMax) {
    call.structured = Json();
    text += "\n[structured content of " + std::to_string(structured.size()) + " bytes left out]";
  } else if (text.empty() && !call.structured.is_null()) {
    text = structured;
  }
  text = valid_utf8(text);
  call.text_bytes = text.size();
  call.text = head_and_tail(text);
  const auto failed = result.find("isError");
  call.is_error = failed != result.end() && failed->is_boolean() && failed->get<bool>();
  return call;
}

}  // namespace tinkerbell::mcp
