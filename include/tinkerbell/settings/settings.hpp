#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/money.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/policy/policy.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The config file, typed and checked. config/tinkerbell.toml shows every key with its default.

namespace tinkerbell::settings {

/// What must be safe on disk before an effect starts.
enum class Durability : std::uint8_t {
  power,    ///< Survives a power cut: every commit is synced.
  process,  ///< Survives the daemon's death only. For tests and benchmarks.
};

enum class KeyKind : std::uint8_t {
  none,        ///< There is none.
  credential,  ///< A systemd credential: $CREDENTIALS_DIRECTORY/<name>.
  file,        ///< An absolute path.
  env,         ///< A variable. Children and /proc could see it: for a first try only.
};

/// Where a key is to be found. Never the key itself.
struct KeySource {
  KeyKind kind = KeyKind::none;
  std::string name;

  bool operator==(const KeySource&) const = default;
};

struct DaemonSettings {
  std::string state_dir;  ///< Empty: Paths::state_dir.
  std::string socket;     ///< Empty: Paths::socket.
  std::uint32_t socket_mode = 0660;
  Durability durability = Durability::power;
  std::uint32_t tasks_max = 10'000;  ///< Tasks that have not ended.
  std::uint32_t depth_max = 3;       ///< Generations of tasks that come from one.
  std::uint32_t children_max = 8;    ///< Of a task, that have not ended.
  std::uint32_t idle_max = 1'000;    ///< Of those that only wait, so many are kept in memory.
  Milliseconds shutdown_grace{10'000};
  KeySource journal_key;  ///< None: the file journal.key in the state directory.
};

enum class LogTarget : std::uint8_t { standard_error, file };

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogTarget target = LogTarget::standard_error;
  std::string file;  ///< Where `target` is `file`: absolute.
};

/// How a model service is spoken to.
enum class ProviderType : std::uint8_t {
  openai_chat,       ///< OpenAI Chat Completions, and all servers compatible with it.
  openai_responses,  ///< OpenAI Responses.
  anthropic,         ///< Anthropic Messages, and servers compatible with it.
  ollama,            ///< Ollama's own protocol.
  offline,           ///< A deterministic model inside the daemon.
};

/// Which header has the key: "Authorization: Bearer KEY" or "x-api-key: KEY".
enum class KeyHeader : std::uint8_t { authorization, x_api_key };

struct TimeoutSettings {
  Milliseconds connect{10'000};
  Milliseconds first_byte{120'000};
  Milliseconds idle{60'000};      ///< Between two pieces of an answer.
  Milliseconds total{1'200'000};  ///< A call with all its attempts and the pauses between them.
};

struct ProviderSettings {
  ProviderType type = ProviderType::openai_chat;
  std::string base_url;  ///< "https://api.openai.com/v1". Required for all but offline.
  KeySource key;
  std::string api_version = "2026-10-21";       ///< anthropic only.
  KeyHeader key_header = KeyHeader::x_api_key;  ///< anthropic only.
  std::string playbook;  ///< A file with answers, absolute. offline only; empty: it cannot answer.
  TimeoutSettings timeouts;
  std::uint32_t at_once = 64;             ///< Calls.
  std::uint32_t requests_per_minute = 0;  ///< 0: any.
  std::uint32_t tokens_per_minute = 0;    ///< 0: any.
};

/// What a million tokens cost.
struct PriceSettings {
  Money input;
  Money input_cached;       ///< Read from the service's cache; as `input` where the file has none.
  Money input_cache_write;  ///< Put into it; likewise.
  Money output;
};

/// How much a model is to think before it answers.
enum class Thinking : std::uint8_t {
  off,
  on,  ///< As much as it finds right. anthropic and ollama only.
  low,
  medium,
  high,
};

struct ModelSettings {
  std::string provider;  ///< A key of Settings::providers.
  std::string model;     ///< As the server names it.
  std::uint32_t max_output_tokens = 8'192;
  std::uint32_t context_tokens = 128'000;  ///< Question and answer together. Where the file has
                                           ///< none: of ollama's models 32768.
  std::optional<PriceSettings> price;      ///< Nothing: nobody knows.
  std::vector<std::string> fallback;       ///< Keys of Settings::models that answer in its place.
  std::optional<Thinking> thinking;        ///< Nothing: as the service does by itself. Not offline.
};

enum class SandboxKind : std::uint8_t { bubblewrap, none };

/// What is kept of the directory in which a program works, so that its changes can be taken back.
struct WorkspaceSettings {
  bool track = true;  ///< False: nobody sees what programs change.
  std::uint64_t kept_file_max = std::uint64_t{256} << 20;  ///< Of a longer file nothing is kept.
  std::uint64_t kept_total_max = std::uint64_t{4} << 30;   ///< With more there, nothing at all is.
};

/// How to find out whether a program has done its work when nobody saw it end: see the config file.
struct ProbeSettings {
  std::string name;
  std::vector<std::string> command;
  std::vector<std::string> argv;
  Milliseconds timeout{10'000};
};

/// What of the workspace an MCP server's sandbox shows.
enum class McpFiles : std::uint8_t { none, read, write };

/// What it means to call a tool twice.
enum class ToolEffect : std::uint8_t {
  pure,        ///< It changes nothing.
  idempotent,  ///< The second time changes nothing.
  once,
};

/// A program that offers tools by the Model Context Protocol.
struct McpServerSettings {
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  bool network = false;
  McpFiles files = McpFiles::none;
  std::vector<std::string> shows;  ///< Directories that it may read besides, absolute.
  Milliseconds timeout{120'000};   ///< Of each answer.
  std::vector<std::string> tools{"*"};
  std::map<std::string, ToolEffect> effects;  ///< By tool; all others are `once`.
};

/// When a model call that came to nothing is made again.
struct RetrySettings {
  std::uint32_t attempts_max = 5;           ///< Where the service failed at this very request.
  Milliseconds patience{86'400'000};        ///< Where it cannot be reached or wants a pause.
  Milliseconds pause_max{60'000};           ///< Between two attempts.
  Milliseconds retry_after_max{3'600'000};  ///< The same, where the service says how long.
};

/// In which files an agent works for which nothing is said.
enum class AgentFiles : std::uint8_t {
  draft,  ///< In a copy of the workspace, which a person accepts or drops.
  live,   ///< In the workspace itself.
};

struct AgentSettings {
  std::uint32_t steps_max = 60;
  Milliseconds time_max{3'600'000};
  std::string model = "default";  ///< A key of Settings::models.
  AgentFiles files = AgentFiles::draft;
};

/// What becomes of a task at the bound of its budget.
enum class OnLimit : std::uint8_t {
  ask,   ///< It is held until a person adds to it.
  stop,  ///< Its call fails.
};

/// What a task and all that come from it may use, where nothing else is said for it.
struct BudgetSettings {
  std::optional<Money> cost;         ///< Nothing: without a bound.
  std::uint32_t tokens = 5'000'000;  ///< In and out.
  OnLimit on_limit = OnLimit::ask;
  std::optional<std::uint32_t> calls = {};  ///< Of models; nothing: without a bound.
  std::optional<std::uint32_t> tasks = {};  ///< That come from one; likewise.
  std::optional<Milliseconds> time = {};    ///< That model calls and programs work; likewise.
};

/// Whom requests may be sent to.
struct NetworkSettings {
  std::vector<std::string> reach;  ///< "host:port" of servers that are not on the public internet.
};

/// Who commits, in git's words.
struct GitSettings {
  std::string name = "Tinkerbell";
  std::string email = "agent@tinkerbell.invalid";
};

/// What `gc` removes unless it is told otherwise.
struct RetentionSettings {
  Milliseconds ended = std::chrono::days(30);  ///< Tasks whose whole family ended before that.
};

/// A program that is told of questions and ends, and one that may answer questions: see the config
/// file.
struct NotifySettings {
  std::vector<std::string> command;  ///< Empty: none.
  std::vector<std::string> on{"question", "failed", "budget"};
  Milliseconds timeout{30'000};
};

struct AskSettings {
  std::vector<std::string> command;  ///< Empty: none.
  Milliseconds timeout{600'000};
};

struct Settings {
  std::string file;  ///< Where they are read from, absolute; the file may be absent.
  DaemonSettings daemon;
  LogSettings log;
  /// By name; "offline" is always there, so that all runs without a key and a network.
  std::map<std::string, ProviderSettings> providers{{"offline", {.type = ProviderType::offline}}};
  /// By alias; where the file has no [models], "default" is the offline one.
  std::map<std::string, ModelSettings> models{
      {"default", {.provider = "offline", .model = "offline"}}};
  RetrySettings retry;
  Rules policy;
  SandboxKind sandbox = SandboxKind::bubblewrap;
  WorkspaceSettings workspace;
  std::vector<ProbeSettings> probes;
  std::map<std::string, McpServerSettings> mcp;  ///< By name.
  AgentSettings agent;
  BudgetSettings budget;
  RetentionSettings retention;
  NetworkSettings network;
  NotifySettings notify;
  AskSettings ask;
  GitSettings git;
};

/// Reads settings from TOML text. What the text does not say keeps its default; an unknown key, a
/// wrong type or a value out of bounds is an error that names `source_name` and the line:
/// `tinkerbell.toml:12: unknown key "modle" in [models.default]: did you mean "model"?`.
/// Errors: invalid, too_large (more than 1 MiB).
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, std::string_view source_name);

/// The same from a file. The file must belong to root or to us and nobody else may be able to write
/// it, since it says what is allowed. Errors: as parse_settings; not_found, denied, io.
[[nodiscard]] Result<Settings> load_settings(const std::string& path);

}  // namespace tinkerbell::settings

namespace tinkerbell {

template <>
inline constexpr std::array<std::string_view, 2> kNames<settings::Durability> = {"power",
                                                                                 "process"};

template <>
inline constexpr std::array<std::string_view, 2> kNames<settings::LogTarget> = {"stderr", "file"};

template <>
inline constexpr std::array<std::string_view, 5> kNames<settings::ProviderType> = {
    "openai-chat", "openai-responses", "anthropic", "ollama", "offline"};

template <>
inline constexpr std::array<std::string_view, 2> kNames<settings::KeyHeader> = {"authorization",
                                                                                "x-api-key"};

template <>
inline constexpr std::array<std::string_view, 5> kNames<settings::Thinking> = {"off", "on", "low",
                                                                               "medium", "high"};

template <>
inline constexpr std::array<std::string_view, 2> kNames<settings::AgentFiles> = {"draft", "live"};

template <>
inline constexpr std::array<std::string_view, 3> kNames<settings::McpFiles> = {"none", "read",
                                                                               "write"};

template <>
inline constexpr std::array<std::string_view, 3> kNames<settings::ToolEffect> = {
    "pure", "idempotent", "once"};

template <>
inline constexpr std::array<std::string_view, 2> kNames<settings::OnLimit> = {"ask", "stop"};

template <>
inline constexpr std::array<std::string_view, 2> kNames<settings::SandboxKind> = {"bubblewrap",
                                                                                  "none"};

}  // namespace tinkerbell
