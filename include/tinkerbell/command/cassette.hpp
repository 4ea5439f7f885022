#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/command/commands.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// What models answered, so that the same tasks can run again without them. Its JSON is the file
/// format (docs/models.md): add fields, never rename one.

namespace tinkerbell {

/// A call that failed for good.
struct RecordedError {
  Errc code = Errc::internal;
  std::string message;

  static constexpr auto fields() {
    return described(field("code", &RecordedError::code),
                     field("message", &RecordedError::message));
  }
};

/// One question to a model and how it was answered: with a reply or an error.
struct Exchange {
  Seq step{0};              ///< The command's number in its task.
  std::string fingerprint;  ///< Of the question: Fingerprint::hex().
  std::string model;        ///< The alias; this and the next only help to say what is different.
  std::uint32_t tokens_max = 0;
  std::optional<AwaitLLMResponse::Reply> reply;
  std::optional<RecordedError> error;

  static constexpr auto fields() {
    return described(field("step", &Exchange::step), field("fingerprint", &Exchange::fingerprint),
                     field("model", &Exchange::model), field("tokens_max", &Exchange::tokens_max),
                     field("reply", &Exchange::reply), field("error", &Exchange::error));
  }
};

/// What models answered one task, and those that came from it.
struct Cassette {
  std::string kind;
  std::string title;
  std::vector<Exchange> exchanges;  ///< In order.
  std::vector<Cassette> children;   ///< In the order in which it spawned them.

  static constexpr auto fields() {
    return described(field("kind", &Cassette::kind), field("title", &Cassette::title),
                     field("exchanges", &Cassette::exchanges),
                     field("children", &Cassette::children));
  }
};

/// Reads one. Errors: invalid (names the place).
[[nodiscard]] Result<Cassette> cassette_from(const Json& json);

/// Exchanges in all of it.
[[nodiscard]] std::uint64_t count_exchanges(const Cassette& cassette);

/// The exchange of a task's step that asked this: by the fingerprint, and where that was asked
/// several times, by the step as well. So it depends on nothing that a restart could lose. Errors:
/// not_found (says how far the question is as recorded), conflict (asked several times, and at
/// other steps).
[[nodiscard]] Result<const Exchange*> exchange_for(const Cassette& cassette, Seq step,
                                                   const AwaitLLMResponse& question);

/// The cassette of a task, shared by all who look at it: cheap to copy. Null: it has none.
class CassetteRef {
 public:
  CassetteRef() = default;

  explicit CassetteRef(Cassette cassette)
      : cassette_(std::make_shared<const Cassette>(std::move(cassette))) {}

  explicit operator bool() const { return cassette_ != nullptr; }

  const Cassette& operator*() const { return *cassette_; }

  const Cassette* operator->() const { return cassette_.get(); }

  /// What the n-th child (from 0) inherits: its own part; where there is none an empty one, so that
  /// it asks no model either.
  [[nodiscard]] CassetteRef of_child(std::size_t n) const;

  [[nodiscard]] Json to_json() const;
  void write_canonical(CanonicalWriter& writer) const;
  void read_canonical(CanonicalReader& reader);

  bool operator==(const CassetteRef&) const = default;

 private:
  std::shared_ptr<const Cassette> cassette_;
};

}  // namespace tinkerbell
