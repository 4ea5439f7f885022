#include "daemon/driver_settings.hpp"

#include "tinkerbell/settings/key.hpp"

#include <cstdlib>
#include <filesystem>

namespace tinkerbell {

namespace {

ProviderType driver_type(settings::ProviderType type) {
  switch (type) {
    case settings::ProviderType::openai_chat:
      return ProviderType::openai_chat;
    case settings::ProviderType::offline:
      return ProviderType::offline;
  }
  return ProviderType::offline;
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

}  // namespace

Result<LlmSettings> llm_settings(const settings::Settings& settings, Masker& masker) {
  LlmSettings llm;
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
                             .playbook = provider.playbook});
  }
  for (const auto& [alias, model] : settings.models) {
    llm.models.push_back({.alias = alias,
                          .provider = model.provider,
                          .model = model.model,
                          .tokens_max = model.max_output_tokens});
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

ProcessSettings process_settings(const settings::Settings& settings, const std::string& state_dir,
                                 const std::string& socket) {
  return {.shim = shim_path(),
          .runs_directory = std::filesystem::path(state_dir) / "runs",
          .sandbox = settings.sandbox == settings::SandboxKind::none ? ProcessSandbox::none
                                                                     : ProcessSandbox::bubblewrap,
          .hidden = {state_dir, socket}};
}

}  // namespace tinkerbell
