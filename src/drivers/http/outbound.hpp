#pragma once

#include "tinkerbell/command/commands.hpp"

namespace tinkerbell {

class Masker;

/// Whether a request would carry a secret that the masker knows out: in its url, a header or its
/// body, as it is, in base64 of either alphabet, JSON or percent-encoded, also where more is
/// encoded than must be. Other ways to hide one (hexadecimal, split in two, encrypted) are not
/// found.
[[nodiscard]] bool holds_secret(const AwaitHttp& request, const Masker& masker);

}  // namespace tinkerbell
