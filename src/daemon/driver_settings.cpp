#include "daemon/driver_settings.hpp"

#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/settings/key.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <cstdlib>
#include <filesystem>

namespace tinkerbell {

namespace {

ProviderType driver_type(settings::ProviderType type) {
  switch (type) {
    case settings::ProviderType::openai_chat:
      return ProviderType::openai_chat;
    case settings::ProviderType::openai_responses:
      return ProviderType::openai_responses;
    case settings::ProviderType::anthropic:
      return ProviderType::anthropic;
    case settings::ProviderType::ollama:
      return ProviderType::ollama;
    case settings::ProviderType::offline:
      return ProviderType::offline;
  }
  return ProviderType::offline;
}

KeyHeader driver_key_header(settings::KeyHeader header) {
  return header == settings::KeyHeader::authorization ? KeyHeader::authorization
                                                      : KeyHeader::x_api_key;
}

std::optional<Thinking> driver_thinking(std::optional<settings::Thinking> thinking) {
  return thinking ? value_named<Thinking>(name_of(*thinking)) : std::nullopt;
}

/// Of one token, by that of a million, which has no more than six decimals.
Money of_one(Money of_a_million) {
  return Money::of_trillionths(of_a_million.trillionths() / 1'000'000);
}

std::optional<Price> driver_price(const std::optional<settings::PriceSettings>& price) {
  if (!price) return std::nullopt;
  return Price{.input = of_one(price->input),
               .input_cached = of_one(price->input_cached),
               .input_cache_write = of_one(price->input_cache_write),
               .output = of_one(price->output)};
}

/// Beside the daemon in a build tree, below libexec where it is installed.
std::filesystem::path shim_path() {
  std::error_code failure;
  const std::filesystem::path here =
      std::filesystem::read_symlink("/proc/self/exe", failure).parent_path();
  std::filesystem::path beside = here / "tinkerbell-shim";
  if (std::filesystem::exists(beside, failure)) return beside;
  return here.parent_path() / "libexec/tinkerbell/tinkerbell-shim";
}

using Paths = std::vector<std::filesystem::path>;

/// Of the daemon's own files those that hold secrets, or power over it.
Paths secret_files(const settings::Settings& settings, const std::string& state_dir,
                   const std::string& socket) {
  Paths files{state_dir, socket};
  for (const auto& [name, provider] : settings.providers) {
    if (provider.key.kind == settings::KeyKind::file) files.emplace_back(provider.key.name);
  }
  return files;
}

/// Those that may be known, but must stay as they are.
Paths plain_files(const settings::Settings& settings) {
  Paths files;
  const auto add = [&](const std::string& path) {
    if (!path.empty()) files.emplace_back(path);
  };
  add(settings.file);
  add(settings.log.file);
  for (const auto& [name, provider] : settings.providers)
    add(provider.playbook);
  return files;
}

}  // namespace

Result<LlmSettings> llm_settings(const settings::Settings& settings, Masker& masker) {
  LlmSettings llm;
  llm.retry.attempts_max = settings.retry.attempts_max;
  llm.retry.patience = settings.retry.patience;
  llm.retry.pause_max = settings.retry.pause_max;
  llm.retry.retry_after_max = settings.retry.retry_after_max;
  for (const auto& [name, provider] : settings.providers) {
    Result<std::string> key = settings::load_key(provider.key, std::getenv);
    if (!key) return key.error().with("provider " + name);
    if (!key->empty()) masker.add(*key);
    llm.providers.push_back({.name = name,
                             .type = driver_type(provider.type),
                             .base_url = provider.base_url,
                             .api_key = *std::move(key),
                             .timeouts = {.connect = provider.timeouts.connect,
                                          .first_byte = provider.timeouts.first_byte,
                                          .idle = provider.timeouts.idle,
                                          .total = provider.timeouts.total},
                             .at_once = provider.at_once,
                             .per_minute = {.requests = provider.requests_per_minute,
                                            .tokens = provider.tokens_per_minute},
                             .playbook = provider.playbook,
                             .api_version = provider.api_version,
                             .key_header = driver_key_header(provider.key_header)});
  }
  for (const auto& [alias, model] : settings.models) {
    llm.models.push_back({.alias = alias,
                          .provider = model.provider,
                          .model = model.model,
                          .tokens_max = model.max_output_tokens,
                          .context_tokens = model.context_tokens,
                          .price = driver_price(model.price),
                          .fallback = model.fallback,
                          .thinking = driver_thinking(model.thinking)});
  }
  return llm;
}

std::vector<std::string> providers_with_open_keys(const LlmSettings& llm, const Masker& masker) {
  std::vector<std::string> names;
  for (const ProviderSettings& provider : llm.providers) {
    const std::string& key = provider.api_key;
    if (!key.empty() && masker.masked(key) == key) names.push_back(provider.name);
  }
  return names;
}

namespace {

Paths own_files(const settings::Settings& settings, const std::string& state_dir,
                const std::string& socket) {
  Paths own;
  for (const Paths& paths : {secret_files(settings, state_dir, socket), plain_files(settings)}) {
    for (const std::filesystem::path& path : paths)
      own.push_back(without_links(path));
  }
  return own;
}

}  // namespace

std::optional<std::uint32_t> conversation_tokens_max(const settings::Settings& settings,
                                                     const std::string& alias) {
  const auto found = settings.models.find(alias);
  if (found == settings.models.end()) return std::nullopt;
  const std::uint32_t window = found->second.context_tokens;
  const std::uint32_t answer = std::min(found->second.max_output_tokens, window / 2);
  return window - answer - window / 16;  // of what comes after the model last counted we estimate
}

FileLimits file_limits(const settings::Settings& settings, const std::string& state_dir,
                       const std::string& socket) {
  return {.may_show = [rules = settings.policy](
                          const TaskCommand& look, const Facts& facts,
                          const std::string& entry) { return may_show(look, facts, entry, rules); },
          .own = own_files(settings, state_dir, socket),
          .may_read =
              [rules = settings.policy](const AwaitFileRead& read, const Facts& facts) {
                return decide(read, facts, rules).decision == Decision::allow;
              },
          .user_skills = std::filesystem::path(settings.file).parent_path() / "skills",
          .system_skills = "/etc/tinkerbell/skills"};
}

namespace {

/// What keeps a file of a draft from being written over by a rule that forbids it, or because other
/// programs act upon it.
std::optional<Objection> objection_to(const std::string& path, const Rules& rules) {
  const Verdict verdict =
      decide(AwaitFileWrite{.path = path, .content = {}}, Facts{.object = path}, rules);
  if (verdict.decision == Decision::deny) {
    return Objection{.final = true, .why = "the rule \"" + verdict.rule + "\" forbids it"};
  }
  if (is_protected_path(path)) return Objection{.why = "other programs act on it"};
  return std::nullopt;
}

}  // namespace

Drafts drafts_in(const std::string& state_dir) {
  return Drafts(std::filesystem::path(state_dir) / "drafts");
}

DraftSettings draft_settings(const settings::Settings& settings, const std::string& state_dir,
                             const std::string& socket) {
  return {.drafts = drafts_in(state_dir),
          .own = own_files(settings, state_dir, socket),
          .objection_to = [rules = settings.policy](const std::string& path) {
            return objection_to(path, rules);
          }};
}

HttpSettings http_settings(const settings::Settings& settings) {
  return {.reach = {settings.network.reach.begin(), settings.network.reach.end()},
          .denied = [rules = settings.policy](const TaskCommand& command, const Facts& facts) {
            return decide(command, facts, rules).decision == Decision::deny;
          }};
}

WatchBounds watch_bounds(const settings::Settings& settings) {
  return {.kept_file_max = settings.workspace.kept_file_max,
          .kept_total_max = settings.workspace.kept_total_max};
}

ProcessSettings process_settings(const settings::Settings& settings, const std::string& state_dir,
                                 const std::string& socket) {
  std::vector<ProbeRecipe> probes;
  for (const settings::ProbeSettings& probe : settings.probes) {
    probes.push_back({.name = probe.name,
                      .command = probe.command,
                      .argv = probe.argv,
                      .timeout = probe.timeout});
  }
  return {.shim = shim_path(),
          .runs_directory = std::filesystem::path(state_dir) / "runs",
          .drafts = drafts_in(state_dir),
          .runs_lost = std::filesystem::exists(std::filesystem::path(state_dir) / kCopiedFile),
          .sandbox = settings.sandbox == settings::SandboxKind::none ? ProcessSandbox::none
                                                                     : ProcessSandbox::bubblewrap,
          .probes = std::move(probes),
          .author = settings.git.name,
          .author_email = settings.git.email,
          .hidden = secret_files(settings, state_dir, socket),
          .read_only = plain_files(settings)};
}

GitSettings git_settings(const settings::Settings& settings, const std::string& state_dir,
                         const std::string& socket) {
  return {.process = process_settings(settings, state_dir, socket),
          .may_read = [rules = settings.policy](const std::string& path) {
            return decide(AwaitFileRead{.path = path}, Facts{.object = path}, rules).decision ==
                   Decision::allow;
          }};
}

namespace {

McpServer mcp_server(const std::string& name, const settings::McpServerSettings& server) {
  McpServer made{.name = name,
                 .program = {.argv = server.command,
                             .env = server.env,
                             .access = {.files = *value_named<FileAccess>(name_of(server.files)),
                                        .network = server.network}},
                 .timeout = server.timeout,
                 .tools = server.tools,
                 .effects = {}};
  for (const std::string& path : server.shows)
    made.program.access.shows.push_back(without_links(path));
  for (const auto& [tool, effect] : server.effects)
    made.effects[tool] = *value_named<EffectClass>(name_of(effect));
  return made;
}

}  // namespace

McpSettings mcp_settings(const settings::Settings& settings, const std::string& state_dir,
                         const std::string& socket, const Result<void>& sandbox_works) {
  McpSettings mcp{.servers = {},
                  .process = process_settings(settings, state_dir, socket),
                  .sandbox_works = sandbox_works,
                  .pins = std::filesystem::path(state_dir) / "mcp-pins.json"};
  for (const auto& [name, server] : settings.mcp)
    mcp.servers.push_back(mcp_server(name, server));
  return mcp;
}

}  // namespace tinkerbell
