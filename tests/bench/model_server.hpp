#pragma once

#include <string>

/// What the scripted model of the benchmarks sends, for the server and for those who check it.
namespace bench {

/// What one event adds to the answer.
inline constexpr char kToken[] = " word";

/// An event of a Chat Completions stream as OpenAI sends it: most of it is the same each time.
[[nodiscard]] inline std::string delta_data() {
  return R"({"id":"chatcmpl-CYxAmpleSqRtUvWxYz0123456789","object":"chat.completion.chunk",)"
         R"("created":1763650000,"model":"gpt-5-2025-08-07","service_tier":"default",)"
         R"("system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":")" +
         std::string(kToken) +
         R"("},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"q7Zk2"})";
}

}  // namespace bench
