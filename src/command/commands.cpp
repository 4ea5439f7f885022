#include "tinkerbell/command/commands.hpp"

#include "tinkerbell/base/hash.hpp"

#include <algorithm>
#include <utility>

namespace tinkerbell {

namespace {

/// Part of every fingerprint. Raise it when canonical bytes change their meaning.
constexpr std::string_view kFingerprintVersion = "tinkerbell.command/1";

/// An outcome in the journal: exactly one of the two keys.
constexpr std::string_view kReplyKey = "reply";
constexpr std::string_view kErrorKey = "error";

struct JournalledError {
  Errc code = Errc::internal;
  std::string message;

  static constexpr auto fields() {
    return std::tuple{field("code", &JournalledError::code),
                      field("message", &JournalledError::message)};
  }
};

/// The reply type that belongs to the command alternative `index`.
template <std::size_t... I>
Result<Reply> reply_from_json(std::size_t index, const Json& json, std::index_sequence<I...>) {
  Result<Reply> reply = Error{Errc::invalid, "no such command"};
  const auto read = [&]<std::size_t Index>(std::integral_constant<std::size_t, Index>) {
    using Type = std::variant_alternative_t<Index, Reply>;
    Result<Type> value = from_json_value<Type>(json);
    reply = value ? Result<Reply>(Reply(std::in_place_index<Index>, *std::move(value)))
                  : Result<Reply>(value.error());
  };
  (void)((index == I && (read(std::integral_constant<std::size_t, I>{}), true)) || ...);
  return reply;
}

}  // namespace

std::string_view name_of(const TaskCommand& command) {
  return std::visit([]<class C>(const C&) { return C::kName; }, command);
}

EffectClass effect_of(const TaskCommand& command) {
  return std::visit([]<class C>(const C&) { return C::kEffect; }, command);
}

bool is_recorded(const TaskCommand& command) {
  return !std::holds_alternative<GetTid>(command) && !std::holds_alternative<Yield>(command);
}

Json arguments_json(const TaskCommand& command) {
  return std::visit([](const auto& each) { return to_json_value(each); }, command);
}

namespace {

template <std::size_t... I>
Result<TaskCommand> command_from(std::string_view name, const Json& arguments,
                                 std::index_sequence<I...> /*alternatives*/) {
  Result<TaskCommand> command =
      Error{Errc::invalid, "no such command: \"" + std::string(name) + "\""};
  const auto read = [&]<class C>(std::in_place_type_t<C>) {
    if (C::kName != name) return false;
    Result<C> value = from_json_value<C>(arguments);
    command = value ? Result<TaskCommand>(TaskCommand(*std::move(value)))
                    : Result<TaskCommand>(value.error());
    return true;
  };
  (void)(read(std::in_place_type<std::variant_alternative_t<I, TaskCommand>>) || ...);
  return command;
}

template <class C>
std::vector<std::string_view> names_of_fields() {
  return std::apply([](const auto&... each) { return std::vector<std::string_view>{each.name...}; },
                    C::fields());
}

template <std::size_t... I>
std::vector<std::string_view> argument_names_of(std::string_view name,
                                                std::index_sequence<I...> /*alternatives*/) {
  std::vector<std::string_view> names;
  const auto read = [&]<class C>(std::in_place_type_t<C>) {
    if (C::kName != name) return false;
    names = names_of_fields<C>();
    return true;
  };
  (void)(read(std::in_place_type<std::variant_alternative_t<I, TaskCommand>>) || ...);
  return names;
}

}  // namespace

std::vector<std::string_view> argument_names(std::string_view command) {
  return argument_names_of(command, std::make_index_sequence<std::variant_size_v<TaskCommand>>{});
}

Result<TaskCommand> command_from_json(std::string_view name, const Json& arguments) {
  return command_from(name, arguments,
                      std::make_index_sequence<std::variant_size_v<TaskCommand>>{});
}

Json reply_json(const Reply& reply) {
  return std::visit([](const auto& each) { return to_json_value(each); }, reply);
}

std::string canonical_command(const TaskCommand& command) {
  CanonicalWriter writer;
  writer.begin_array(2);
  writer.text(name_of(command));
  std::visit([&](const auto& each) { write_canonical(writer, each); }, command);
  return writer.take();
}

std::string canonical_outcome(const Result<Reply>& outcome) {
  CanonicalWriter writer;
  writer.begin_map(1);
  if (outcome) {
    writer.text(kReplyKey);
    std::visit([&](const auto& each) { write_canonical(writer, each); }, *outcome);
  } else {
    writer.text(kErrorKey);
    write_canonical(writer, JournalledError{outcome.error().code, outcome.error().message});
  }
  return writer.take();
}

Result<Result<Reply>> outcome_from_canonical(const TaskCommand& command, std::string_view bytes) {
  Result<Json> json = json_from_canonical(bytes);
  if (!json) return json.error();
  if (const auto found = json->find(kErrorKey); found != json->end()) {
    Result<JournalledError> error = from_json_value<JournalledError>(*found);
    if (!error) return error.error();
    return Result<Reply>(Error{error->code, error->message});
  }
  const auto found = json->find(kReplyKey);
  if (found == json->end()) return Error{Errc::invalid, "an outcome without reply and error"};
  Result<Reply> reply = reply_from_json(command.index(), *found,
                                        std::make_index_sequence<std::variant_size_v<Reply>>{});
  if (!reply) return reply.error();
  return reply;
}

Fingerprint fingerprint_of(std::string_view canonical_command) {
  Sha256Stream stream;
  stream.update(kFingerprintVersion);
  stream.update(canonical_command);
  const Sha256 full = stream.finish();
  Fingerprint fingerprint;
  std::ranges::copy_n(full.bytes.begin(), static_cast<std::ptrdiff_t>(fingerprint.bytes.size()),
                      fingerprint.bytes.begin());
  return fingerprint;
}

}  // namespace tinkerbell
