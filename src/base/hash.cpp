#include "tinkerbell/base/hash.hpp"

#include "tinkerbell/base/assert.hpp"

#include <openssl/evp.h>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

#include <cstring>
#include <memory>

namespace tinkerbell {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

consteval std::array<std::uint32_t, 256> crc32c_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = crc;
  }
  return table;
}

#ifdef __x86_64__
/// The instruction of SSE 4.2 works on this very polynomial.
__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(std::uint32_t crc,
                                                                      std::string_view data) {
  std::uint64_t wide = crc;
  for (; data.size() >= sizeof wide; data.remove_prefix(sizeof wide)) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data(), sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (const char byte : data)
    crc = _mm_crc32_u8(crc, static_cast<std::uint8_t>(byte));
  return crc;
}
#endif

/// OpenSSL 3 looks for the algorithm each time that it is named by EVP_sha256(), which takes longer
/// than the hash of a command. Source: crypto(7), "Algorithm Fetching". Never freed.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const kFetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  TINKERBELL_ASSERT(kFetched != nullptr);
  return kFetched;
}

struct ContextEnd {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

using Context = std::unique_ptr<EVP_MD_CTX, ContextEnd>;

/// To make one takes longer than the hash of a command, so a thread keeps the one that it used
/// last.
thread_local Context spare_context;

EVP_MD_CTX* new_context() {
  Context context(EVP_MD_CTX_new());
  TINKERBELL_ASSERT(context != nullptr);
  const int ok = EVP_DigestInit_ex(context.get(), sha256_algorithm(), nullptr);
  TINKERBELL_ASSERT(ok == 1);
  return context.release();
}

}  // namespace

std::uint32_t detail::crc32c_by_table(std::uint32_t crc, std::string_view data) {
  static constexpr auto kTable = crc32c_table();
  for (const char byte : data)
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFF];
  return crc;
}

std::string Sha256::hex() const {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 0xF]);
  }
  return text;
}

Sha256 Sha256::from_hex(std::string_view text) {
  Sha256 value;
  if (text.size() != value.bytes.size() * 2) return {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kHexDigits.find(text[i]);
    if (digit == std::string_view::npos) return {};
    value.bytes[i / 2] =
        static_cast<std::uint8_t>((value.bytes[i / 2] << 4) | static_cast<int>(digit));
  }
  return value;
}

Sha256 sha256(std::string_view data) {
  Sha256Stream stream;
  stream.update(data);
  return stream.finish();
}

Sha256Stream::Sha256Stream() : context_(spare_context.release()) {
  if (context_ == nullptr) context_ = new_context();
  const int ok = EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), nullptr, nullptr);
  TINKERBELL_ASSERT(ok == 1);
}

Sha256Stream::~Sha256Stream() {
  spare_context.reset(static_cast<EVP_MD_CTX*>(context_));
}

void Sha256Stream::update(std::string_view data) {
  const int ok = EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size());
  TINKERBELL_ASSERT(ok == 1);
}

Sha256 Sha256Stream::finish() {
  Sha256 value;
  const int ok =
      EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), value.bytes.data(), nullptr);
  TINKERBELL_ASSERT(ok == 1);
  return value;
}

std::uint32_t crc32c(std::string_view data, std::uint32_t seed) {
#ifdef __x86_64__
  static const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
  if (kHasInstruction) return ~crc32c_by_instruction(~seed, data);
#endif
  return ~detail::crc32c_by_table(~seed, data);
}

}  // namespace tinkerbell
