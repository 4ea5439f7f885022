#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/effect.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Tools of other programs, which speak the Model Context Protocol.

namespace tinkerbell {

/// A tool as its server describes it. Nothing of it is to be believed.
struct ToolDefinition {
  std::string name;  ///< As the server has it.
  std::string description;
  Json schema = Json::object();  ///< Of its arguments.
  std::string sha256;  ///< Of all that, and of which server it is and how that is started.

  static constexpr auto fields() {
    return described(
        field("name", &ToolDefinition::name), field("description", &ToolDefinition::description),
        field("schema", &ToolDefinition::schema), field("sha256", &ToolDefinition::sha256));
  }

  bool operator==(const ToolDefinition&) const = default;
};

struct ListedTool {
  ToolDefinition definition;
  std::string offered_as;  ///< To a model: "server__tool".
  EffectClass effect = EffectClass::once;
  bool approved = false;  ///< A person has seen this definition and said yes.

  static constexpr auto fields() {
    return described(
        field("definition", &ListedTool::definition), field("offered_as", &ListedTool::offered_as),
        field("effect", &ListedTool::effect), field("approved", &ListedTool::approved));
  }
};

/// What tools a server of the config has. Starts it if it does not run. Errors: not_found (no such
/// server), unavailable (it does not start or ends), timed_out, protocol, too_large, unsupported,
/// cancelled. Source: modelcontextprotocol.io, tools/list.
struct AwaitToolList {
  static constexpr std::string_view kName = "tool.list";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<ListedTool> tools;
    std::vector<std::string> left;  ///< "TOOL: why it cannot be offered".

    static constexpr auto fields() {
      return described(field("tools", &Reply::tools), field("left", &Reply::left));
    }
  };

  std::string server;

  static constexpr auto fields() { return described(field("server", &AwaitToolList::server)); }
};

/// Have these definitions approved, for all tasks and for good. The question shows each of them,
/// and what is new in those that were approved in another form. Errors: denied, not_found (no such
/// server), conflict (not the hash of that definition), io, cancelled.
struct AwaitToolTrust {
  static constexpr std::string_view kName = "tool.trust";
  static constexpr EffectClass kEffect = EffectClass::idempotent;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  std::string server;
  std::vector<ToolDefinition> tools;

  static constexpr auto fields() {
    return described(field("server", &AwaitToolTrust::server),
                     field("tools", &AwaitToolTrust::tools));
  }
};

/// Call a tool. What it says about itself (annotations) counts for nothing. Errors: not_found (no
/// such server or tool), denied (its definition was not approved), conflict (its definition is not
/// the approved one any more), invalid (the server does not take the arguments), unavailable,
/// timed_out, protocol, too_large, unsupported, cancelled, unknown_outcome (the server ended, or
/// said nothing in time). A tool that fails is an ordinary reply. Source: modelcontextprotocol.io,
/// tools/call; policy key "tool.call".
struct AwaitTool {
  static constexpr std::string_view kName = "tool.call";
  static constexpr EffectClass kEffect = EffectClass::once;

  struct Reply {
    std::string text;              ///< Its content, as text; head and tail if it was long.
    std::uint64_t text_bytes = 0;  ///< All of it, also what `text` leaves out.
    Json structured;               ///< Its structuredContent.
    bool is_error = false;         ///< It failed, as the text says.
    Json input_requests;  ///< What it wants to know first: call it again with input_responses and
                          ///< the request_state. Absent: null.
    std::string request_state;

    static constexpr auto fields() {
      return described(field("text", &Reply::text), field("text_bytes", &Reply::text_bytes),
                       field("structured", &Reply::structured), field("is_error", &Reply::is_error),
                       field("input_requests", &Reply::input_requests),
                       field("request_state", &Reply::request_state));
    }
  };

  std::string server;
  std::string tool;
  Json arguments = Json::object();
  std::string definition;                  ///< ToolDefinition::sha256 of what was offered.
  EffectClass effect = EffectClass::once;  ///< As listed: pure, idempotent or once.
  Json input_responses;                    ///< To Reply::input_requests; null: none.
  std::string request_state;

  static constexpr auto fields() {
    return described(
        field("server", &AwaitTool::server), field("tool", &AwaitTool::tool),
        field("arguments", &AwaitTool::arguments), field("definition", &AwaitTool::definition),
        field("effect", &AwaitTool::effect), field("input_responses", &AwaitTool::input_responses),
        field("request_state", &AwaitTool::request_state));
  }
};

}  // namespace tinkerbell
