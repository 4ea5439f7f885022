#pragma once

#include <string_view>

/// What crosses the control socket: HTTP/1.1 with JSON bodies on a Unix socket, events as
/// server-sent events. The structs here are wire types of their own, so that a change inside the
/// daemon does not break a client. Additions keep the version; whatever an older client would
/// misread makes a new one, under a new path.
namespace tinkerbell::protocol {

inline constexpr int kVersion = 1;

// Where the server's table and the client's requests begin.
inline constexpr std::string_view kStatusPath = "/v1/status";
inline constexpr std::string_view kTasksPath = "/v1/tasks";
inline constexpr std::string_view kApprovalsPath = "/v1/approvals";
inline constexpr std::string_view kRulesPath = "/v1/rules";
inline constexpr std::string_view kMcpPath = "/v1/mcp";
inline constexpr std::string_view kEventsPath = "/v1/events";
inline constexpr std::string_view kSchedulerPath = "/v1/scheduler";
inline constexpr std::string_view kBackupPath = "/v1/backup";
inline constexpr std::string_view kGcPath = "/v1/gc";
inline constexpr std::string_view kVerifyPath = "/v1/verify";
inline constexpr std::string_view kCostsPath = "/v1/costs";
inline constexpr std::string_view kTracePath = "/v1/trace";  // Chrome's trace format (docs/cli.md)

}  // namespace tinkerbell::protocol
