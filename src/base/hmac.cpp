#include "tinkerbell/base/hmac.hpp"

#include "tinkerbell/base/assert.hpp"

namespace tinkerbell {

namespace {

constexpr std::size_t kBlockBytes = 64;
constexpr char kInnerPad = 0x36;
constexpr char kOuterPad = 0x5C;

std::string padded(std::string_view key, char pad) {
  std::string block(kBlockBytes, pad);
  for (std::size_t i = 0; i < key.size(); ++i)
    block[i] = static_cast<char>(block[i] ^ key[i]);
  return block;
}

}  // namespace

HmacSha256::HmacSha256(std::string_view key)
    : inner_(padded(key, kInnerPad)), outer_(padded(key, kOuterPad)) {
  TINKERBELL_ASSERT(key.size() <= kBlockBytes);
}

Sha256 HmacSha256::of(std::initializer_list<std::string_view> pieces) const {
  Sha256 inner;
  {
    Sha256Stream stream;
    stream.update(inner_);
    for (const std::string_view piece : pieces)
      stream.update(piece);
    inner = stream.finish();
  }
  Sha256Stream stream;
  stream.update(outer_);
  stream.update({reinterpret_cast<const char*>(inner.bytes.data()), inner.bytes.size()});
  return stream.finish();
}

}  // namespace tinkerbell
