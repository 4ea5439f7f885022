#include "tinkerbell/settings/settings.hpp"

#include "settings/table_reader.hpp"
#include "settings/trusted_file.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <ranges>

namespace tinkerbell::settings {

namespace {

constexpr std::size_t kConfigBytesMax = 1 << 20;
constexpr mode_t kWritableByOthers = 0022;
constexpr std::uint32_t kSchema = 1;
constexpr std::uint32_t kTasksMax = 1'000'000;
constexpr std::uint32_t kStepsMax = 100'000;
constexpr std::uint32_t kBudgetMax = 4'000'000'000;
constexpr std::uint32_t kTokensMax = 10'000'000;
constexpr std::uint32_t kOllamaContextTokens = 32'768;  // it sets memory aside for each
constexpr std::uint32_t kCallsMax = 10'000;
constexpr std::uint32_t kPerMinuteMax = 1'000'000'000;
constexpr std::uint32_t kAttemptsMax = 1'000;
constexpr std::size_t kGlobBytesMax = 1'024;
constexpr std::size_t kMcpNameMax = 24;
constexpr Milliseconds kProbeTimeMax{300'000};
constexpr Milliseconds kNotifyTimeMax{300'000};
constexpr Milliseconds kAskTimeMax{86'400'000};

/// Dots between the parts of keys on one line. toml++ takes such keys apart by recursion, and a
/// line of 50 000 exhausts the stack.
constexpr std::size_t kKeyDotsMax = 32;

std::size_t dots_outside_strings(std::string_view line) {
  std::size_t dots = 0;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      break;
    } else if (c == '.') {
      ++dots;
    }
  }
  return dots;
}

/// Refuses what the parser itself would not survive.
void check_depth(std::string_view text, Problems& problems) {
  std::uint32_t number = 0;
  for (const auto line : std::views::split(text, '\n')) {
    ++number;
    if (dots_outside_strings(std::string_view(line)) > kKeyDotsMax) {
      problems.add(number, "keys of more than " + std::to_string(kKeyDotsMax) + " parts");
    }
  }
}

void read_key(const toml::table& table, std::string title, Problems& problems, KeySource& key) {
  TableReader reader(table, std::move(title), problems);
  KeySource credential{KeyKind::credential, ""};
  KeySource file{KeyKind::file, ""};
  KeySource variable{KeyKind::env, ""};
  reader.read("credential", credential.name);
  reader.read_path("file", file.name);
  reader.read("env", variable.name);
  std::vector<KeySource> given{credential, file, variable};
  std::erase_if(given, [](const KeySource& source) { return source.name.empty(); });
  if (given.size() == 1) {
    key = given.front();
  } else if (given.size() > 1 || table.empty()) {
    reader.reject("credential", "or \"file\" or \"env\": exactly one of them is needed");
  }
}

void read_key_source(TableReader& reader, const toml::table& table, const std::string& title,
                     const std::string& name, Problems& problems, KeySource& key) {
  if (table.contains(name) && !table[name].is_table()) {
    // Never with the value: it is likely to be the key.
    (void)reader.has(name);
    reader.reject(name, "must say where the key is, like { file = \"/…\" }: never the key itself");
  } else if (const toml::table* const source = reader.table(name)) {
    read_key(*source, title + " " + name, problems, key);
  }
}

void read_daemon(const toml::table& table, Problems& problems, DaemonSettings& daemon) {
  TableReader reader(table, "[daemon]", problems);
  reader.read_path("state_dir", daemon.state_dir);
  reader.read_path("socket", daemon.socket);
  reader.read_mode("socket_mode", daemon.socket_mode);
  reader.read("durability", daemon.durability);
  reader.read("tasks_max", daemon.tasks_max, 1, kTasksMax);
  reader.read("depth_max", daemon.depth_max, 0, kTasksMax);
  reader.read("children_max", daemon.children_max, 0, kTasksMax);
  reader.read("idle_max", daemon.idle_max, 0, kTasksMax);
  reader.read("shutdown_grace", daemon.shutdown_grace);
  read_key_source(reader, table, "[daemon]", "journal_key", problems, daemon.journal_key);
}

void read_log(const toml::table& table, Problems& problems, LogSettings& log) {
  TableReader reader(table, "[log]", problems);
  reader.read("level", log.level);
  reader.read("target", log.target);
  reader.read_path("file", log.file);
  if (log.target == LogTarget::file && log.file.empty()) {
    reader.reject("target", "needs a \"file\" to write to");
  }
}

// ---- providers and models ----

void read_timeouts(const toml::table& table, std::string title, Problems& problems,
                   TimeoutSettings& timeouts) {
  TableReader reader(table, std::move(title), problems);
  reader.read("connect", timeouts.connect);
  reader.read("first_byte", timeouts.first_byte);
  reader.read("idle", timeouts.idle);
  reader.read("total", timeouts.total);
}

void check_base_url(TableReader& reader, const std::string& url) {
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    reader.reject("base_url", "must begin with https:// or http://");
  } else if (url.contains('@')) {  // said without the value, which holds a password
    reader.reject("base_url", "must not contain a name or password: use \"key\"");
  } else if (std::ranges::any_of(
                 url, [](char c) { return std::isgraph(static_cast<unsigned char>(c)) == 0; })) {
    reader.reject("base_url", "must not contain blanks or control characters");
  }
}

void check_header_value(TableReader& reader, std::string_view key, const std::string& value) {
  const auto fits = [](unsigned char c) { return std::isgraph(c) != 0; };
  if (value.empty() || !std::ranges::all_of(value, fits)) {
    reader.reject(key, "must be a word without blanks or control characters");
  }
}

void read_provider(const toml::table& table, const std::string& title, Problems& problems,
                   ProviderSettings& provider) {
  TableReader reader(table, title, problems);
  if (!reader.has("type")) reader.reject("type", "is missing");
  const bool type_known = reader.read("type", provider.type);
  reader.read("base_url", provider.base_url);
  if (type_known && provider.type != ProviderType::offline) {
    check_base_url(reader, provider.base_url);
  }
  reader.read("api_version", provider.api_version);
  check_header_value(reader, "api_version", provider.api_version);
  reader.read("key_header", provider.key_header);
  for (const std::string_view own : {"api_version", "key_header"}) {
    if (type_known && provider.type != ProviderType::anthropic && reader.has(own)) {
      reader.reject(own, "is for type = \"anthropic\" only");
    }
  }
  reader.read_path("playbook", provider.playbook);
  reader.read("at_once", provider.at_once, 1, kCallsMax);
  reader.read("requests_per_minute", provider.requests_per_minute, 1, kPerMinuteMax);
  reader.read("tokens_per_minute", provider.tokens_per_minute, 1, kPerMinuteMax);
  read_key_source(reader, table, title, "key", problems, provider.key);
  if (const toml::table* const timeouts = reader.table("timeouts")) {
    read_timeouts(*timeouts, title + " timeouts", problems, provider.timeouts);
  }
}

void read_price(const toml::table& table, std::string title, Problems& problems,
                PriceSettings& price) {
  TableReader reader(table, std::move(title), problems);
  reader.read("input", price.input);
  reader.read("output", price.output);
  for (const std::string_view key : {"input", "output"}) {
    if (!reader.has(key)) reader.reject(key, "is missing: what a million tokens cost");
  }
  price.input_cached = price.input;
  price.input_cache_write = price.input;
  reader.read("input_cached", price.input_cached);
  reader.read("input_cache_write", price.input_cache_write);
}

/// Says what is wrong with it for a model of such a provider, or nothing.
std::string_view fault_of_thinking(Thinking thinking, ProviderType type) {
  switch (type) {
    case ProviderType::openai_chat:
    case ProviderType::openai_responses:
      return thinking == Thinking::on ? "must say how much to OpenAI's protocols: low, medium, high"
                                      : "";
    case ProviderType::anthropic:
    case ProviderType::ollama:
      return "";
    case ProviderType::offline:
      return "is not for the type \"offline\": a playbook does not think";
  }
  return "";
}

void read_thinking(TableReader& reader, const std::map<std::string, ProviderSettings>& providers,
                   ModelSettings& model) {
  if (!reader.has("thinking") || !reader.read("thinking", model.thinking.emplace())) return;
  const auto provider = providers.find(model.provider);
  if (provider == providers.end()) return;
  const std::string_view fault = fault_of_thinking(*model.thinking, provider->second.type);
  if (!fault.empty()) reader.reject("thinking", fault);
}

/// `models`: the table of all of them.
void check_fallback(TableReader& reader, const toml::table& models, const toml::table& own,
                    const std::vector<std::string>& fallback) {
  for (auto alias = fallback.begin(); alias != fallback.end(); ++alias) {
    const toml::node* const other = models.get(*alias);
    if (other == nullptr) {
      reader.reject("fallback", "must name some of [models], not \"" + *alias + "\"");
    } else if (other == &own) {
      reader.reject("fallback", "must not name the model itself");
    } else if (std::find(fallback.begin(), alias, *alias) != alias) {
      reader.reject("fallback", "has \"" + *alias + "\" twice");
    }
  }
}

void read_model(const toml::table& table, const std::string& title, Problems& problems,
                const toml::table& models, const std::map<std::string, ProviderSettings>& providers,
                ModelSettings& model) {
  TableReader reader(table, title, problems);
  reader.read("provider", model.provider);
  reader.read("model", model.model);
  reader.read("max_output_tokens", model.max_output_tokens, 1, kTokensMax);
  const auto provider = providers.find(model.provider);
  if (provider != providers.end() && provider->second.type == ProviderType::ollama) {
    model.context_tokens = kOllamaContextTokens;
  }
  reader.read("context_tokens", model.context_tokens, 1, kTokensMax);
  if (const toml::table* const price = reader.table("price")) {
    read_price(*price, title + " price", problems, model.price.emplace());
  }
  reader.read("fallback", model.fallback);
  check_fallback(reader, models, table, model.fallback);
  read_thinking(reader, providers, model);
  if (model.provider.empty()) {
    reader.reject("provider", "is missing");
  } else if (!providers.contains(model.provider)) {
    reader.reject("provider", "must be one of [providers], not \"" + model.provider + "\"");
  } else if (model.model.empty()) {
    reader.reject("model", "is missing");
  }
}

/// Reads each table of a table: [providers.NAME], [models.ALIAS].
template <class Value, class Read>
void read_each(const toml::table& table, const std::string& title, Problems& problems,
               std::map<std::string, Value>& into, const Read& read) {
  TableReader reader(table, "[" + title + "]", problems);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (const toml::table* const each = reader.table(name)) {
      Value value;
      read(*each, "[" + title + "." + name + "]", value);
      into[name] = std::move(value);
    }
  }
}

void read_retry(const toml::table& table, Problems& problems, RetrySettings& retry) {
  TableReader reader(table, "[retry]", problems);
  reader.read("attempts_max", retry.attempts_max, 1, kAttemptsMax);
  reader.read("patience", retry.patience);
  reader.read("pause_max", retry.pause_max);
  reader.read("retry_after_max", retry.retry_after_max);
}

// ---- policy ----

/// Says what is wrong with a glob on a path within the workspace, or nothing.
std::string_view fault_of_glob(std::string_view glob) {
  if (glob.size() > kGlobBytesMax) return "holds a glob that is too long";
  const bool leaves = glob.starts_with('/') || glob.starts_with("./") || glob.starts_with("../") ||
                      glob.contains("/../") || glob.starts_with('~');
  return leaves ? "holds paths within the workspace: \"docs/**\", not \"./docs\" or \"/docs\"" : "";
}

/// What rules are written with.
constexpr std::array<std::string_view, 6> kConditions = {"commands", "paths", "argv",
                                                         "tools",    "hosts", "methods"};

bool has_upper_case(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return std::isupper(c) != 0; });
}

/// Rules see hosts in lower case, without scheme and path.
std::string_view fault_of_host(std::string_view host) {
  if (host.size() > kGlobBytesMax) return "holds a glob that is too long";
  if (has_upper_case(host)) return "holds hosts, in lower case";
  return host.contains('/') ? R"(holds hosts like "*.example.com" or "127.0.0.1:8080", no URLs)"
                            : "";
}

void check_network(TableReader& reader, const Rule& rule) {
  for (const std::string& host : rule.hosts) {
    if (const std::string_view fault = fault_of_host(host); !fault.empty()) {
      reader.reject("hosts", fault);
    }
  }
  for (const std::string& method : rule.methods) {
    const auto is_letter = [](unsigned char c) { return std::isupper(c) != 0; };
    if (method.empty() || !std::ranges::all_of(method, is_letter)) {
      reader.reject("methods", "holds methods like \"GET\", in capital letters");
    }
  }
  if (!(rule.hosts.empty() && rule.methods.empty()) && !(rule.paths.empty() && rule.argv.empty())) {
    reader.reject(rule.hosts.empty() ? "methods" : "hosts",
                  "is about requests: neither files nor programs have it");
  }
}

void check_rule(TableReader& reader, const Rule& rule) {
  if (rule.name.empty()) reader.reject("name", "is missing: verdicts are explained by it");
  if (!reader.has("do")) reader.reject("do", "is missing: allow, ask or deny");
  const auto has = [&](std::string_view key) { return reader.has(key); };
  if (std::ranges::none_of(kConditions, has)) {
    reader.reject("commands", "is missing: say commands = [\"*\"] for all");
  }
  if (!rule.paths.empty() && !rule.argv.empty()) {
    reader.reject("argv", "is about programs, \"paths\" about files: no command is both");
  }
  if (!rule.tools.empty() && (!rule.paths.empty() || !rule.argv.empty())) {
    reader.reject("tools", "is about tools of MCP servers, which have neither paths nor argv");
  }
  check_network(reader, rule);
  if (rule.tainted && rule.decision != Decision::allow) {
    reader.reject("tainted", "says that an allowance holds all the same: this allows nothing");
  }
  for (const std::string& glob : rule.commands) {
    if (!names_a_command(glob)) reader.reject("commands", "names no command by \"" + glob + "\"");
  }
  for (const std::string& glob : rule.paths) {
    if (const std::string_view fault = fault_of_glob(glob); !fault.empty()) {
      reader.reject("paths", fault);
    }
  }
  for (const std::vector<std::string>& prefix : rule.argv) {
    if (const std::string_view fault = fault_of_prefix(prefix); !fault.empty()) {
      reader.reject("argv", fault);
    }
  }
}

Rule read_rule(const toml::table& table, Problems& problems) {
  TableReader reader(table, "[[policy.rule]]", problems);
  Rule rule;
  reader.read("name", rule.name);
  reader.read("do", rule.decision);
  reader.read("commands", rule.commands);
  reader.read("paths", rule.paths);
  reader.read("argv", rule.argv);
  reader.read("tools", rule.tools);
  reader.read("hosts", rule.hosts);
  reader.read("methods", rule.methods);
  reader.read("tainted", rule.tainted);
  check_rule(reader, rule);
  return rule;
}

void read_policy(const toml::table& table, Problems& problems, Rules& policy) {
  TableReader reader(table, "[policy]", problems);
  reader.read("secret_files", policy.secret_files);
  for (const std::string& glob : policy.secret_files) {
    if (const std::string_view fault = fault_of_glob(glob); !fault.empty()) {
      reader.reject("secret_files", fault);
    }
  }
  const toml::array* const rules = reader.tables("rule");
  if (rules == nullptr) return;
  for (const toml::node& node : *rules)
    policy.rules.push_back(read_rule(*node.as_table(), problems));
}

// ---- probes ----

ProbeSettings read_probe(const toml::table& table, Problems& problems) {
  TableReader reader(table, "[[probe]]", problems);
  ProbeSettings probe;
  reader.read("name", probe.name);
  reader.read("command", probe.command);
  reader.read("argv", probe.argv);
  reader.read("timeout", probe.timeout);
  if (probe.name.empty()) reader.reject("name", "is missing: its evidence is told by it");
  for (const std::string_view key : {"command", "argv"}) {
    if (!reader.has(key)) reader.reject(key, "is missing: a program and its first words");
  }
  if (probe.timeout > kProbeTimeMax) reader.reject("timeout", "must be at most 5m");
  return probe;
}

// ---- programs that reach people ----

void check_command(TableReader& reader, const std::vector<std::string>& command) {
  if (command.empty() || !command.front().starts_with('/')) {
    reader.reject("command", "must begin with the absolute path of a program");
  }
}

void read_notify(const toml::table& table, Problems& problems, NotifySettings& notify) {
  TableReader reader(table, "[notify]", problems);
  reader.read("command", notify.command);
  reader.read("on", notify.on);
  reader.read("timeout", notify.timeout);
  check_command(reader, notify.command);
  for (const std::string& each : notify.on) {
    if (each != "question" && each != "failed" && each != "budget") {
      reader.reject("on", "may have question, failed and budget, not \"" + each + "\"");
    }
  }
  if (notify.timeout > kNotifyTimeMax) reader.reject("timeout", "must be at most 5m");
}

void read_ask(const toml::table& table, Problems& problems, AskSettings& ask) {
  TableReader reader(table, "[ask]", problems);
  reader.read("command", ask.command);
  reader.read("timeout", ask.timeout);
  check_command(reader, ask.command);
  if (ask.timeout > kAskTimeMax) reader.reject("timeout", "must be at most 1d");
}

void read_probes(const toml::array& probes, Problems& problems, Settings& settings) {
  for (const toml::node& node : probes)
    settings.probes.push_back(read_probe(*node.as_table(), problems));
}

// ---- MCP servers ----

/// As mcp::is_server_name: "server__tool" must say which server it is.
bool is_mcp_name(std::string_view name) {
  return !name.empty() && name.size() <= kMcpNameMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::map<std::string, std::string> read_environment(const toml::table& table,
                                                    const std::string& title, Problems& problems) {
  TableReader reader(table, title, problems);
  std::map<std::string, std::string> environment;
  for (const auto& [key, node] : table)
    reader.read(key.str(), environment[std::string(key.str())]);
  return environment;
}

std::map<std::string, ToolEffect> read_effects(const toml::table& table, const std::string& title,
                                               Problems& problems) {
  TableReader reader(table, title, problems);
  std::map<std::string, ToolEffect> effects;
  for (const auto& [key, node] : table) {
    ToolEffect effect = ToolEffect::once;
    reader.read(key.str(), effect);
    effects[std::string(key.str())] = effect;
  }
  return effects;
}

void read_mcp_server(const toml::table& table, const std::string& title, Problems& problems,
                     McpServerSettings& server) {
  TableReader reader(table, title, problems);
  reader.read("command", server.command);
  reader.read("network", server.network);
  reader.read("files", server.files);
  reader.read("shows", server.shows);
  reader.read("timeout", server.timeout);
  reader.read("tools", server.tools);
  if (const auto* const each = reader.table("env")) {
    server.env = read_environment(*each, title + " env", problems);
  }
  if (const auto* const each = reader.table("effects")) {
    server.effects = read_effects(*each, title + " effects", problems);
  }
  if (server.command.empty()) reader.reject("command", "is missing: a program and its arguments");
  for (const std::string& path : server.shows) {
    if (!path.starts_with('/') || path == "/") {
      reader.reject("shows", "holds absolute paths of directories, not \"" + path + "\"");
    }
  }
}

void read_mcp(const toml::table& table, Problems& problems, Settings& settings) {
  TableReader reader(table, "[mcp]", problems);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const toml::table* const each = reader.table(name);
    if (!is_mcp_name(name)) {
      reader.reject(name, "is no name of a server: at most 24 of a-z, 0-9 and \"-\"");
    } else if (each != nullptr) {
      read_mcp_server(*each, "[mcp." + name + "]", problems, settings.mcp[name]);
    }
  }
}

// ---- the rest ----

void read_sandbox(const toml::table& table, Problems& problems, SandboxKind& sandbox) {
  TableReader reader(table, "[sandbox]", problems);
  reader.read("kind", sandbox);
}

void read_workspace(const toml::table& table, Problems& problems, WorkspaceSettings& workspace) {
  TableReader reader(table, "[workspace]", problems);
  reader.read("track", workspace.track);
  reader.read_bytes("kept_file_max", workspace.kept_file_max);
  reader.read_bytes("kept_total_max", workspace.kept_total_max);
}

/// What git would change or refuse in the name of a person: better that nobody is surprised.
bool is_identity(std::string_view text) {
  return !text.empty() && text.find_first_of("<>") == text.npos &&
         std::ranges::all_of(text, [](unsigned char c) { return c >= ' ' && c != 0x7F; }) &&
         text.front() != ' ' && text.back() != ' ';
}

void read_git(const toml::table& table, Problems& problems, GitSettings& git) {
  TableReader reader(table, "[git]", problems);
  const auto read = [&](std::string_view key, std::string& value) {
    reader.read(key, value);
    if (!is_identity(value)) reader.reject(key, "must be as a commit may have it");
  };
  read("name", git.name);
  read("email", git.email);
}

/// "127.0.0.1:8080", "[::1]:80", "intranet.example:443".
bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || has_upper_case(text)) return false;
  if (text.find_first_of("/@ ") != text.npos) return false;
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc{} && end == port.data() + port.size() && number > 0 &&
         !port.starts_with('0');
}

void read_network(const toml::table& table, Problems& problems, NetworkSettings& network) {
  TableReader reader(table, "[network]", problems);
  reader.read("reach", network.reach);
  if (!std::ranges::all_of(network.reach, is_host_and_port)) {
    reader.reject("reach", R"(must hold a host and a port each, in lower case: "127.0.0.1:8080")");
  }
}

void read_retention(const toml::table& table, Problems& problems, RetentionSettings& retention) {
  TableReader reader(table, "[retention]", problems);
  reader.read("ended", retention.ended);
}

void read_agent(const toml::table& table, Problems& problems, AgentSettings& agent, Rules& policy) {
  TableReader reader(table, "[agent]", problems);
  reader.read("steps_max", agent.steps_max, 1, kStepsMax);
  reader.read("time_max", agent.time_max);
  reader.read("model", agent.model);
  reader.read("files", agent.files);
  reader.read_bytes("draft_ask_above", policy.draft_bytes_unasked);
}

void read_budget(const toml::table& table, Problems& problems, BudgetSettings& budget) {
  TableReader reader(table, "[budget]", problems);
  if (reader.has("cost")) reader.read("cost", budget.cost.emplace());
  reader.read("tokens", budget.tokens, 0, kBudgetMax);
  if (reader.has("calls")) reader.read("calls", budget.calls.emplace(), 0, kBudgetMax);
  if (reader.has("tasks")) reader.read("tasks", budget.tasks.emplace(), 0, kBudgetMax);
  if (reader.has("time")) reader.read("time", budget.time.emplace());
  reader.read("on_limit", budget.on_limit);
}

void read_schema(TableReader& reader) {
  std::uint32_t schema = 0;
  reader.read("schema", schema, kSchema, kSchema);
  if (!reader.has("schema")) reader.reject("schema", "is missing: write schema = 1");
}

Settings read_settings(const toml::table& table, Problems& problems) {
  Settings settings;
  TableReader reader(table, "the file", problems);
  read_schema(reader);
  if (const auto* const each = reader.table("daemon")) {
    read_daemon(*each, problems, settings.daemon);
  }
  if (const auto* const each = reader.table("log")) read_log(*each, problems, settings.log);
  if (const auto* const each = reader.table("providers")) {
    read_each(*each, "providers", problems, settings.providers,
              [&](const toml::table& provider, const std::string& title, ProviderSettings& value) {
                read_provider(provider, title, problems, value);
              });
  }
  if (const auto* const each = reader.table("models")) {
    settings.models.clear();
    read_each(*each, "models", problems, settings.models,
              [&](const toml::table& model, const std::string& title, ModelSettings& value) {
                read_model(model, title, problems, *each, settings.providers, value);
              });
  }
  if (const auto* const each = reader.table("retry")) read_retry(*each, problems, settings.retry);
  if (const auto* const each = reader.table("policy")) {
    read_policy(*each, problems, settings.policy);
  }
  if (const auto* const each = reader.table("sandbox")) {
    read_sandbox(*each, problems, settings.sandbox);
  }
  if (const auto* const each = reader.table("workspace")) {
    read_workspace(*each, problems, settings.workspace);
  }
  if (const auto* const each = reader.table("network")) {
    read_network(*each, problems, settings.network);
  }
  if (const auto* const each = reader.table("git")) read_git(*each, problems, settings.git);
  if (const auto* const each = reader.table("retention")) {
    read_retention(*each, problems, settings.retention);
  }
  if (const auto* const each = reader.table("mcp")) read_mcp(*each, problems, settings);
  if (const auto* const probes = reader.tables("probe")) read_probes(*probes, problems, settings);
  if (const auto* const each = reader.table("agent")) {
    read_agent(*each, problems, settings.agent, settings.policy);
  }
  if (const auto* const each = reader.table("budget")) {
    read_budget(*each, problems, settings.budget);
  }
  if (const auto* const each = reader.table("notify")) {
    read_notify(*each, problems, settings.notify);
  }
  if (const auto* const each = reader.table("ask")) read_ask(*each, problems, settings.ask);
  if (!settings.models.contains(settings.agent.model)) {
    reader.reject("agent", "wants a model \"" + settings.agent.model + "\" that [models] has not");
  }
  return settings;
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, std::string_view source_name) {
  if (text.size() > kConfigBytesMax) {
    return Error{Errc::too_large, std::string(source_name) + " is larger than 1 MiB"};
  }
  Problems problems(source_name);
  check_depth(text, problems);
  if (!problems.empty()) return problems.first();
  try {
    Settings settings = read_settings(toml::parse(text), problems);
    if (problems.empty()) return settings;
  } catch (const toml::parse_error& error) {
    problems.add(error.source().begin.line, std::string(error.description()));
  }
  return problems.first();
}

Result<Settings> load_settings(const std::string& path) {
  Result<std::string> text = read_trusted_file(path, kWritableByOthers, kConfigBytesMax);
  if (!text) return text.error().with("config");
  return parse_settings(*text, path.substr(path.find_last_of('/') + 1));
}

}  // namespace tinkerbell::settings
