#include "drivers/llm/wire_format.hpp"

#include "drivers/llm/openai_chat_request.hpp"
#include "drivers/llm/openai_chat_stream.hpp"

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

}  // namespace

const WireFormat& wire_format(ProviderType type) {
  switch (type) {
    case ProviderType::openai_chat:
      return kOpenAiChat;
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
