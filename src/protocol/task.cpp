#include "tinkerbell/protocol/task.hpp"

#include "tinkerbell/protocol/cassette.hpp"

namespace tinkerbell::protocol {

namespace {

Result<void> within(std::string_view what, const std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return {};
  return Error{Errc::too_large, std::string(what) + " has " + std::to_string(text.size()) +
                                    " bytes, more than " + std::to_string(bytes_max)};
}

/// Arguments are all that the task is told.
Result<void> check_arguments(const SubmitRequest& request) {
  if (!request.arguments->is_object()) return Error{Errc::invalid, "the arguments are no object"};
  if (!request.goal.empty() || !request.model.empty() || request.steps_max || request.time_max_ms ||
      request.output_schema || request.git) {
    return Error{Errc::invalid, "arguments go without goal, model, limits, output schema and git"};
  }
  return within("the arguments", dump_json(*request.arguments), SubmitRequest::kArgumentsBytesMax);
}

}  // namespace

Result<void> check(const SayRequest& request) {
  if (request.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Error{Errc::invalid, "text: nothing is said"};
  }
  return within("the text", request.text, SayRequest::kTextBytesMax);
}

Result<void> check(const SubmitRequest& request) {
  if (request.arguments) {
    if (Result<void> good = check_arguments(request); !good) return good;
  } else if (request.goal.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Error{Errc::invalid, "the goal is empty"};
  }
  if (!request.workspace.starts_with('/')) {
    return Error{Errc::invalid, "the workspace is not an absolute path"};
  }
  if (request.cassette) {
    if (Result<void> good = check_cassette(*request.cassette); !good) return good;
  }
  if (!request.files.empty() && request.files != "draft" && request.files != "live") {
    return Error{Errc::invalid, "files: must be draft or live"};
  }
  if (request.git && request.files != "draft") {
    return Error{Errc::invalid, "git: commits are made in a draft only (files = draft)"};
  }
  if (request.workspace.contains('\0')) return Error{Errc::invalid, "the workspace contains NUL"};
  const std::string schema = request.output_schema ? dump_json(*request.output_schema) : "";
  for (Result<void> bound :
       {within("the goal", request.goal, SubmitRequest::kGoalBytesMax),
        within("the workspace", request.workspace, SubmitRequest::kPathBytesMax),
        within("the model", request.model, SubmitRequest::kNameBytesMax),
        within("the kind", request.kind, SubmitRequest::kNameBytesMax),
        within("the branch", request.git ? request.git->branch : "", SubmitRequest::kNameBytesMax),
        within("the output schema", schema, SubmitRequest::kSchemaBytesMax)}) {
    if (!bound) return bound;
  }
  return {};
}

bool has_ended(std::string_view state) {
  return state == "completed" || state == "failed" || state == "cancelled";
}

bool is_stuck(std::string_view state) {
  return state == "diverged" || state == "quarantined";
}

}  // namespace tinkerbell::protocol
