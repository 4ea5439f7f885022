#pragma once

#include "tinkerbell/base/names.hpp"

#include <cstdint>

namespace tinkerbell {

/// What must be durable before a command's effect starts, and what a crash in its window means
/// (docs/architecture.md).
enum class EffectClass : std::uint8_t {
  pure,   ///< Nothing; run again. (now, random, file read)
  local,  ///< START and the pre-image; compare hashes, then done or run again. (file write, edit)
  idempotent,  ///< All earlier results of the task; run again with the same key. (model call)
  probeable,   ///< START; ask the shim or the remote, unknown falls through to `once`. (programs)
  once,        ///< START; nobody can tell: a person answers.
  internal,    ///< Inside the daemon: effect and RESULT are one batch, there is no window. (spawn,
               ///< kill, sleep)
};

template <>
inline constexpr std::array<std::string_view, 6> kNames<EffectClass> = {
    "pure", "local", "idempotent", "probeable", "once", "internal"};

/// A kind of command of which each changes nothing, whatever its arguments.
template <class C>
concept PureCommand = requires { requires C::kEffect == EffectClass::pure; };

}  // namespace tinkerbell
