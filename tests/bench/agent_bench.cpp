#include "drivers/llm/wire_format.hpp"
#include "meter.hpp"

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/tasks/agent.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

/// What an agent costs by what it is.

namespace tinkerbell {
namespace {

/// The part of an agent's definition that goes to the model.
struct Told {
  std::string system_prompt;
  ToolList tools;

  static constexpr auto fields() {
    return described(field("system_prompt", &Told::system_prompt), field("tools", &Told::tools));
  }
};

/// The bytes that system prompt and tools add to each request, as the services have it for which
/// that is most.
void prompt(const bench::Arguments& /*arguments*/) {
  const Result<Json> definition = freeze_agent({{"goal", "x"}}, {});
  const Result<Told> told = from_json_value<Told>(*definition);
  if (!told || told->system_prompt.empty() || told->tools.empty()) std::abort();
  std::size_t most = 0;
  for (const ProviderType type : {ProviderType::openai_chat, ProviderType::openai_responses,
                                  ProviderType::anthropic, ProviderType::ollama}) {
    const auto bytes = [type](const ModelQuestion& question) {
      return wire_format(type).body(question, {.type = type}).size();
    };
    ModelQuestion plain;
    plain.messages.add({.role = Role::user, .text = "x"});
    ModelQuestion asked{.tools = told->tools};
    asked.messages.add({.role = Role::system, .text = told->system_prompt});
    asked.messages.add({.role = Role::user, .text = "x"});
    most = std::max(most, bytes(asked) - bytes(plain));
  }
  bench::report("prompt", static_cast<double>(most));
}

constexpr std::array kBenchmarks = {std::pair{std::string_view("prompt"), &prompt}};

}  // namespace
}  // namespace tinkerbell

int main(int count, char** words) {
  return bench::run_named(bench::Arguments(count, words), tinkerbell::kBenchmarks);
}
