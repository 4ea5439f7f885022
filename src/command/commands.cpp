#include "tinkerbell/command/commands.hpp"

#include "tinkerbell/base/hash.hpp"

#include <algorithm>
#include <utility>

namespace tinkerbell {

TaskCommand::TaskCommand() noexcept = default;
TaskCommand::TaskCommand(const TaskCommand&) = default;
TaskCommand::TaskCommand(TaskCommand&&) noexcept = default;
TaskCommand& TaskCommand::operator=(const TaskCommand&) = default;
TaskCommand& TaskCommand::operator=(TaskCommand&&) noexcept = default;
TaskCommand::~TaskCommand() = default;
Reply::Reply() noexcept = default;
Reply::Reply(const Reply&) = default;
Reply::Reply(Reply&&) noexcept = default;
Reply& Reply::operator=(const Reply&) = default;
Reply& Reply::operator=(Reply&&) noexcept = default;
Reply::~Reply() = default;

namespace {

/// Part of every fingerprint. Raise it when canonical bytes change their meaning.
constexpr std::string_view kFingerprintVersion = "tinkerbell.command/2";

/// An outcome in the journal: an array of one of these and what it says.
enum class OutcomeKind : std::uint8_t { reply, error };

struct JournalledError {
  Errc code = Errc::internal;
  std::string message;
  std::vector<FileChange> changes;

  static constexpr auto fields() {
    return described(field("code", &JournalledError::code),
                     field("message", &JournalledError::message),
                     field("changes", &JournalledError::changes));
  }
};

/// Calls `visit` with an instance of the command alternative `index`.
template <class Visit, std::size_t... I>
void with_command(std::size_t index, const Visit& visit,
                  std::index_sequence<I...> /*alternatives*/) {
  (void)((index == I && (visit(std::variant_alternative_t<I, CommandVariant>{}), true)) || ...);
}

template <class Visit>
void with_command(std::size_t index, const Visit& visit) {
  with_command(index, visit, std::make_index_sequence<std::variant_size_v<CommandVariant>>{});
}

/// The alternative of that name; the number of alternatives if there is none.
std::size_t index_of(std::string_view name) {
  constexpr std::size_t kCommands = std::variant_size_v<CommandVariant>;
  static const std::vector<std::string_view> kNamesByIndex = [] {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < kCommands; ++i)
      with_command(i, [&]<class C>(const C&) { names.push_back(C::kName); });
    return names;
  }();
  return static_cast<std::size_t>(std::ranges::find(kNamesByIndex, name) - kNamesByIndex.begin());
}

/// What an outcome says, and a reader that stands before it.
struct OutcomeReader {
  OutcomeKind kind;
  CanonicalReader reader;
};

/// What an error carries of changes; which reply it stands in does not count.
std::shared_ptr<const Reply> changes_alone(std::vector<FileChange> changes) {
  if (changes.empty()) return nullptr;
  return std::make_shared<const Reply>(AwaitProcess::Reply{.changes = std::move(changes)});
}

OutcomeReader reader_of(std::string_view bytes) {
  CanonicalReader reader(bytes);
  if (reader.begin_array() != 2) reader.fail();
  const std::uint64_t kind = reader.unsigned_integer();
  if (kind > 1) reader.fail();
  return {static_cast<OutcomeKind>(kind), reader};
}

Error unreadable_outcome() {
  return {Errc::invalid, "not an outcome"};
}

}  // namespace

std::string_view name_of(const TaskCommand& command) {
  return std::visit([]<class C>(const C&) { return C::kName; }, command);
}

EffectClass effect_of(const TaskCommand& command) {
  if (const auto* const tool = std::get_if<AwaitTool>(&command)) return tool->effect;
  return std::visit(
      []<class C>(const C& each) {
        if constexpr (requires { each.effect(); }) {
          return each.effect();
        } else {
          return C::kEffect;
        }
      },
      command);
}

bool changes_several(const TaskCommand& command) {
  return std::visit([]<class C>(const C& /*each*/) { return ChangesSeveral<C>; }, command);
}

bool runs_git(const TaskCommand& command) {
  return std::visit([]<class C>(const C& /*each*/) { return GitCommand<C>; }, command);
}

bool is_recorded(const TaskCommand& command) {
  return !std::holds_alternative<GetTid>(command) && !std::holds_alternative<Yield>(command) &&
         !std::holds_alternative<Hear>(command);
}

Json arguments_json(const TaskCommand& command) {
  return std::visit([](const auto& each) { return to_json_value(each); }, command);
}

std::vector<std::string_view> argument_names(std::string_view command) {
  std::vector<std::string_view> names;
  with_command(index_of(command), [&]<class C>(const C&) {
    apply_to_fields<C>([&](const auto&... each) { (names.push_back(each.name), ...); });
  });
  return names;
}

std::span<const FileChange> changes_in(const Reply& reply) {
  return std::visit(
      []<class R>(const R& each) -> std::span<const FileChange> {
        if constexpr (requires { each.changes; }) {
          return each.changes;
        } else {
          return {};
        }
      },
      reply);
}

std::string_view kept_sha256(const Reply& reply) {
  if (const auto* const program = std::get_if<AwaitProcess::Reply>(&reply)) {
    return program->output_sha256;
  }
  const auto* const request = std::get_if<AwaitHttp::Reply>(&reply);
  return request == nullptr ? std::string_view() : request->body_sha256;
}

std::span<const FileChange> changes_in(const Result<Reply>& outcome) {
  const Reply* const reply = outcome ? &*outcome : outcome.error().rejected.get();
  return reply == nullptr ? std::span<const FileChange>() : changes_in(*reply);
}

void add_earlier_changes(const std::vector<FileChange>& earlier, Result<Reply>& outcome) {
  if (earlier.empty()) return;
  if (!outcome) {
    const std::span<const FileChange> later = changes_in(outcome);
    Error error = outcome.error();
    error.rejected = changes_alone(composed(earlier, {later.begin(), later.end()}));
    outcome = std::move(error);
    return;
  }
  std::visit(
      [&](auto& each) {
        if constexpr (requires { each.changes; }) each.changes = composed(earlier, each.changes);
      },
      *outcome);
}

Json reply_json(const Reply& reply) {
  return std::visit([](const auto& each) { return to_json_value(each); }, reply);
}

std::string canonical_arguments(const TaskCommand& command) {
  return std::visit([](const auto& each) { return canonical_bytes(each); }, command);
}

std::string canonical_command(const TaskCommand& command) {
  CanonicalWriter writer;
  writer.begin_array(2);
  writer.text(name_of(command));
  std::visit([&](const auto& each) { write_canonical(writer, each); }, command);
  return writer.take();
}

std::string_view arguments_in(std::string_view canonical_command) {
  CanonicalReader reader(canonical_command);
  (void)reader.begin_array();
  (void)reader.skip();
  return reader.skip();
}

Result<TaskCommand> command_from_canonical(std::string_view name, std::string_view arguments) {
  Result<TaskCommand> command =
      Error{Errc::invalid, "no such command: \"" + std::string(name) + "\""};
  with_command(index_of(name), [&]<class C>(C value) {
    CanonicalReader reader(arguments);
    if (!arguments.empty()) read_canonical(reader, value);
    command = reader.is_done() ? Result<TaskCommand>(std::move(value))
                               : Error{Errc::invalid, "not the arguments of " + std::string(name)};
  });
  return command;
}

Result<TaskCommand> pure_command(std::string_view name, const Json& arguments) {
  Result<TaskCommand> command =
      Error{Errc::invalid, "no command that changes nothing: \"" + std::string(name) + "\""};
  with_command(index_of(name), [&]<class C>(const C&) {
    if constexpr (PureCommand<C>) {
      Result<C> value = from_json_value<C>(arguments, UnknownKeys::reject);
      command = value ? Result<TaskCommand>(*std::move(value)) : value.error().with(C::kName);
    }
  });
  return command;
}

Result<Reply> outcome_of_part(const TaskCommand& command, const PartOutcome& part) {
  if (part.reply.is_null()) return Error{part.code, part.message};
  return std::visit(
      [&]<class C>(const C&) -> Result<Reply> {
        if constexpr (PureCommand<C>) {
          Result<typename C::Reply> value = from_json_value<typename C::Reply>(part.reply);
          if (!value) return value.error().with(C::kName);
          return Reply(*std::move(value));
        } else {
          return Error{Errc::invalid, std::string(C::kName) + " is not pure"};
        }
      },
      command);
}

std::string canonical_outcome(const Result<Reply>& outcome) {
  CanonicalWriter writer;
  writer.begin_array(2);
  if (outcome) {
    writer.unsigned_integer(std::to_underlying(OutcomeKind::reply));
    std::visit([&](const auto& each) { write_canonical(writer, each); }, *outcome);
  } else {
    writer.unsigned_integer(std::to_underlying(OutcomeKind::error));
    const std::span<const FileChange> changes = changes_in(outcome);
    write_canonical(writer, JournalledError{outcome.error().code,
                                            outcome.error().message,
                                            {changes.begin(), changes.end()}});
  }
  return writer.take();
}

Result<Result<Reply>> outcome_from_canonical(const TaskCommand& command, std::string_view bytes) {
  auto [kind, reader] = reader_of(bytes);
  if (kind == OutcomeKind::error) {
    Result<std::optional<Error>> error = error_in_outcome(bytes);
    if (!error) return error.error();
    return Result<Reply>(**std::move(error));
  }
  Result<Reply> reply = unreadable_outcome();
  with_command(command.index(), [&]<class C>(const C&) {
    typename C::Reply value{};
    read_canonical(reader, value);
    if (reader.is_done()) reply = Reply(std::move(value));
  });
  if (!reply) return reply.error();
  return reply;
}

Result<std::optional<Error>> error_in_outcome(std::string_view bytes) {
  auto [kind, reader] = reader_of(bytes);
  if (kind == OutcomeKind::reply && !reader.failed()) return std::optional<Error>();
  JournalledError error;
  read_canonical(reader, error);
  if (!reader.is_done()) return unreadable_outcome();
  return std::optional(Error{.code = error.code,
                             .message = std::move(error.message),
                             .rejected = changes_alone(std::move(error.changes))});
}

std::string Fingerprint::hex() const {
  Sha256 padded;
  std::ranges::copy(bytes, padded.bytes.begin());
  return padded.hex().substr(0, 2 * bytes.size());
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
