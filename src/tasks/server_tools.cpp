#include "tasks/server_tools.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/mcp/form.hpp"

#include <optional>
#include <utility>

namespace tinkerbell {

namespace {

/// So often one call may ask before it is given up.
constexpr int kRoundsMax = 8;
/// So often a person is asked for a value that fits.
constexpr int kTriesMax = 3;
constexpr std::size_t kRemarkBytesMax = 400;

std::string remark(const std::string& server, const Error& why) {
  return "The tools of the MCP server " + server +
         " are not there: " + shortened(visible_line(why.message), kRemarkBytesMax) + "\n";
}

void offer(const std::string& server, const ListedTool& tool, std::vector<ServerTool>& tools) {
  tools.push_back({.schema = {.name = tool.offered_as,
                              .description = tool.definition.description,
                              .parameters = tool.definition.schema},
                   .server = server,
                   .tool = tool.definition.name,
                   .definition = tool.definition.sha256,
                   .effect = tool.effect});
}

/// Whether a person trusts those that nobody has approved. Errors: cancelled.
Task<Result<bool>> is_trusted(std::string server, std::vector<ListedTool> tools) {
  AwaitToolTrust trust{.server = std::move(server), .tools = {}};
  for (ListedTool& tool : tools) {
    if (!tool.approved) trust.tools.push_back(std::move(tool.definition));
  }
  if (trust.tools.empty()) co_return true;
  const Result<AwaitToolTrust::Reply> trusted = co_await trust;
  if (!trusted && trusted.error().code == Errc::cancelled) co_return trusted.error();
  co_return static_cast<bool>(trusted);
}

std::string question_of(const AwaitTool& call, const std::string& message) {
  return "The tool " + call.tool + " of the MCP server " + call.server + " asks: " + message;
}

/// What a person says for a field; null: they decline. Errors: cancelled.
Task<Result<std::optional<Json>>> ask_for(std::string question, mcp::FormField field) {
  const std::string asked =
      question + "\n" + field.question + (field.required ? "" : " (may be left empty)");
  std::string trouble;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const Result<AwaitUserAnswer::Reply> said =
        co_await AwaitUserAnswer{.question = asked + trouble, .choices = field.choices};
    if (!said && said.error().code == Errc::cancelled) co_return said.error();
    if (!said) co_return std::optional<Json>();
    if (said->text.empty() && !field.required) co_return std::optional(Json());
    Result<Json> value = mcp::value_of(field, said->text);
    if (value) co_return std::optional(*std::move(value));
    trouble = "\n(not \"" + said->text + "\": " + value.error().message + ")";
  }
  co_return std::optional<Json>();
}

/// The answer to one question of a server. Errors: cancelled.
Task<Result<Json>> answer_to(AwaitTool call, Json request) {
  const Json declined{{"action", "decline"}};
  if (!request.is_object() || request.value("method", Json()) != "elicitation/create") {
    co_return declined;
  }
  const Result<mcp::Form> form = mcp::form_of(request.value("params", Json()));
  if (!form) co_return declined;
  const std::string question = question_of(call, form->message);
  Json content = Json::object();
  if (form->fields.empty()) {
    const Result<AwaitUserApproval::Reply> agreed =
        co_await AwaitUserApproval{.question = question, .preview = {}};
    if (!agreed) co_return agreed.error();
    if (!agreed->granted) co_return declined;
  }
  for (const mcp::FormField& field : form->fields) {
    const Result<std::optional<Json>> value = co_await ask_for(question, field);
    if (!value) co_return value.error();
    if (!*value) co_return declined;
    if (!(*value)->is_null()) content[field.name] = **value;
  }
  co_return Json{{"action", "accept"}, {"content", content}};
}

}  // namespace

Task<Result<ServerTools>> tools_of_servers(std::vector<std::string> servers) {
  ServerTools found;
  for (const std::string& server : servers) {
    const Result<AwaitToolList::Reply> list = co_await AwaitToolList{.server = server};
    if (!list && list.error().code == Errc::cancelled) co_return list.error();
    if (!list) {
      found.remarks += remark(server, list.error());
      continue;
    }
    const Result<bool> trusted = co_await is_trusted(server, list->tools);
    if (!trusted) co_return trusted.error();
    for (const ListedTool& tool : list->tools) {
      if (*trusted || tool.approved) offer(server, tool, found.tools);
    }
  }
  co_return found;
}

Task<Result<Reply>> call_server_tool(AwaitTool call) {
  for (int round = 0; round < kRoundsMax; ++round) {
    const Result<AwaitTool::Reply> reply = co_await call;
    if (!reply) co_return reply.error();
    if (reply->input_requests.is_null()) co_return Reply(*reply);
    Json responses = Json::object();
    for (const auto& [key, request] : reply->input_requests.items()) {
      const Result<Json> answer = co_await answer_to(call, request);
      if (!answer) co_return answer.error();
      responses[key] = *answer;
    }
    call.input_responses = std::move(responses);
    call.request_state = reply->request_state;
  }
  co_return Error{Errc::protocol, "the tool asks without end"};
}

}  // namespace tinkerbell
