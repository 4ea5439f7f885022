#include "drivers/llm/wire_format.hpp"

#include "drivers/llm/anthropic_request.hpp"
#include "drivers/llm/anthropic_stream.hpp"
#include "drivers/llm/ollama_request.hpp"
#include "drivers/llm/ollama_stream.hpp"
#include "drivers/llm/openai_chat_request.hpp"
#include "drivers/llm/openai_chat_stream.hpp"
#include "drivers/llm/openai_responses_request.hpp"
#include "drivers/llm/openai_responses_stream.hpp"

#include "tinkerbell/base/assert.hpp"

namespace tinkerbell {

namespace {

template <class Stream>
std::unique_ptr<ReplyStream> new_stream(const ModelQuestion& question, Provider::TextHandler text) {
  return std::make_unique<Stream>(question, std::move(text));
}

constexpr WireFormat kOpenAiChat{.path = "chat/completions",
                                 .framing = Framing::events,
                                 .headers = bearer,
                                 .body = openai_chat_body,
                                 .stream = new_stream<OpenAiChatStream>};

constexpr WireFormat kOpenAiResponses{.path = "responses",
                                      .framing = Framing::events,
                                      .headers = bearer,
                                      .body = openai_responses_body,
                                      .stream = new_stream<OpenAiResponsesStream>};

constexpr WireFormat kAnthropic{.path = "v1/messages",
                                .framing = Framing::events,
                                .headers = anthropic_headers,
                                .body = anthropic_body,
                                .stream = new_stream<AnthropicStream>};

constexpr WireFormat kOllama{.path = "api/chat",
                             .framing = Framing::lines,
                             .headers = bearer,
                             .body = ollama_body,
                             .stream = new_stream<OllamaStream>};

}  // namespace

const WireFormat& wire_format(ProviderType type) {
  switch (type) {
    case ProviderType::openai_chat:
      return kOpenAiChat;
    case ProviderType::openai_responses:
      return kOpenAiResponses;
    case ProviderType::anthropic:
      return kAnthropic;
    case ProviderType::ollama:
      return kOllama;
    case ProviderType::offline:
      break;
  }
  TINKERBELL_ASSERT(type != ProviderType::offline);
  return kOpenAiChat;
}

std::string_view stream_type(Framing framing) {
  return framing == Framing::events ? "text/event-stream" : "application/x-ndjson";
}

HttpHeaders bearer(const ProviderSettings& settings) {
  if (settings.api_key.empty()) return {};
  return {{"Authorization", "Bearer " + settings.api_key}};
}

}  // namespace tinkerbell
