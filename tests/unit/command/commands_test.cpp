#include "tinkerbell/command/commands.hpp"

#include "tinkerbell/command/facts.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

template <class Action, std::size_t... I>
void for_each_command(const Action& action, std::index_sequence<I...>) {
  (action(std::variant_alternative_t<I, CommandVariant>{}), ...);
}

/// Calls `action` with a default value of every alternative.
template <class Action>
void for_each_command(const Action& action) {
  for_each_command(action, std::make_index_sequence<std::variant_size_v<CommandVariant>>{});
}

std::string hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::string hex(const Fingerprint& fingerprint) {
  return hex(std::string(fingerprint.bytes.begin(), fingerprint.bytes.end()));
}

// ---- change: makes another value of any described type ----

template <class T>
void change(T& value);

template <class T>
void change_number(T& value) {
  value = static_cast<T>(value + 1);
}

template <class T>
void change(T& value) {
  if constexpr (std::same_as<T, std::string>) {
    value += 'x';
  } else if constexpr (std::same_as<T, Json>) {
    value = Json{{"changed", value}};
  } else if constexpr (std::same_as<T, bool>) {
    value = !value;
  } else if constexpr (std::same_as<T, Conversation>) {
    value.add({.role = Role::user, .text = "x"});
  } else if constexpr (std::same_as<T, ToolList>) {
    std::vector<ToolSchema> tools = value.all();
    tools.push_back({.name = "x", .description = "y"});
    value = std::move(tools);
  } else if constexpr (std::same_as<T, std::map<std::string, std::string>>) {
    value["x"] += 'x';
  } else if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(std::to_underlying(value) + 1);
  } else if constexpr (detail::kIsOptional<T>) {
    value.emplace(value.value_or(typename T::value_type{}));
    change(*value);
  } else if constexpr (detail::kIsVector<T>) {
    value.emplace_back();
    if constexpr (!Described<typename T::value_type>) change(value.back());
  } else if constexpr (detail::kIsDuration<T>) {
    value += T{1};
  } else if constexpr (std::same_as<T, Money>) {
    value += Money::of_trillionths(1);
  } else if constexpr (Described<T>) {
    apply_to_fields<T>([&](const auto&... each) { (change(value.*each.member), ...); });
  } else {
    change_number(value);
  }
}

/// A reply of this command in which nothing has its default value.
template <class C>
Reply changed_reply() {
  typename C::Reply reply{};
  change(reply);
  return reply;
}

// ---- outcomes ----

TEST(Outcome, RoundTripsTheReplyOfEveryCommand) {
  for_each_command([]<class C>(const C& command) {
    for (const Reply& reply : {Reply(typename C::Reply{}), changed_reply<C>()}) {
      const auto read = outcome_from_canonical(command, canonical_outcome(reply));
      ASSERT_TRUE(read && *read) << C::kName;
      EXPECT_EQ((**read).index(), TaskCommand(command).index()) << C::kName;
      EXPECT_EQ(canonical_outcome(*read), canonical_outcome(reply)) << C::kName;
      EXPECT_EQ(reply_json(**read), reply_json(reply)) << C::kName;
    }
  });
}

TEST(Outcome, RoundTripsEveryError) {
  for (std::size_t i = 0; i < kNames<Errc>.size(); ++i) {
    const Error error{static_cast<Errc>(i), "because\nof \xff"};
    const auto read = outcome_from_canonical(Now{}, canonical_outcome(error));
    ASSERT_TRUE(read);
    ASSERT_FALSE(*read);
    EXPECT_EQ(read->error(), error);
  }
}

TEST(Outcome, KeepsWhatWasChangedBeforeAnError) {
  const FileChange change{.path = "a", .before = FileState{.bytes = 3}, .after = {}};
  Error error{Errc::cancelled, "ended"};
  error.rejected = std::make_shared<const Reply>(AwaitProcess::Reply{.changes = {change}});
  const auto read = outcome_from_canonical(AwaitProcess{}, canonical_outcome(error));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error().code, Errc::cancelled);
  ASSERT_EQ(changes_in(*read).size(), 1U);
  EXPECT_EQ(changes_in(*read)[0], change);
  EXPECT_TRUE(changes_in(Result<Reply>(Error{Errc::io, "x"})).empty());
}

TEST(Outcome, GetsEarlierChangesWhateverItIs) {
  const FileChange first{
      .path = "a", .before = FileState{.bytes = 1}, .after = FileState{.bytes = 2}};
  const FileChange second{.path = "a", .before = FileState{.bytes = 2}, .after = {}};
  for (Result<Reply> outcome :
       {Result<Reply>(AwaitProcess::Reply{.changes = {second}}),
        Result<Reply>(Error{.code = Errc::cancelled,
                            .rejected = std::make_shared<const Reply>(
                                AwaitProcess::Reply{.changes = {second}})})}) {
    add_earlier_changes({first}, outcome);
    ASSERT_EQ(changes_in(outcome).size(), 1U);
    EXPECT_EQ(changes_in(outcome)[0].before->bytes, 1U);
    EXPECT_FALSE(changes_in(outcome)[0].after);
  }
}

TEST(Outcome, S67_KeepsBytesThatAreNotUtf8) {
  const std::string bytes("a\0\xff\xfe\xed\xa0\x80z", 8);
  const auto read = outcome_from_canonical(
      AwaitFileRead{}, canonical_outcome(Reply(AwaitFileRead::Reply{.text = bytes})));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ(std::get<AwaitFileRead::Reply>(**read).text, bytes);
}

TEST(Outcome, RefusesBytesOfAnotherShape) {
  const std::string good = canonical_outcome(Reply(Now::Reply{5}));
  ASSERT_TRUE(outcome_from_canonical(Now{}, good));
  for (const std::string& bytes :
       {std::string(), std::string("x"), good + '\0', canonical_bytes(Json::object()),
        canonical_bytes(Json::array({0})), canonical_bytes(Json::array({2, Json::object()})),
        canonical_bytes(Json::array({0, "soon"})), canonical_bytes(Json::array({1, "odd"}))}) {
    EXPECT_FALSE(outcome_from_canonical(Now{}, bytes)) << hex(bytes);
  }
}

TEST(Outcome, TellsItsErrorWithoutItsCommand) {
  const Error error{Errc::denied, "no"};
  EXPECT_EQ(*error_in_outcome(canonical_outcome(error)), std::optional(error));
  EXPECT_EQ(*error_in_outcome(canonical_outcome(Reply(Now::Reply{5}))), std::optional<Error>());
  EXPECT_FALSE(error_in_outcome("x"));
  EXPECT_FALSE(error_in_outcome(canonical_bytes(Json::array({1, "odd"}))));
}

// ---- commands ----

TEST(Commands, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for_each_command([&](const TaskCommand& command) { names.insert(name_of(command)); });
  EXPECT_EQ(names.size(), std::variant_size_v<CommandVariant>);
}

TEST(Commands, LeaveARecordUnlessTheirAnswerCannotDiffer) {
  for_each_command([](const TaskCommand& command) {
    const bool fixed = name_of(command) == "task.id" || name_of(command) == "task.yield" ||
                       name_of(command) == "task.hear";
    EXPECT_EQ(is_recorded(command), !fixed) << name_of(command);
  });
}

TEST(Commands, ThatChangeNothingComeBackFromTheirJson) {
  for_each_command([]<class C>(const C&) {
    C command{};
    change(command);
    const auto read = pure_command(C::kName, arguments_json(command));
    if constexpr (PureCommand<C>) {
      ASSERT_TRUE(read) << C::kName << ": " << read.error().message;
      EXPECT_EQ(canonical_command(*read), canonical_command(command));
      const Reply reply = changed_reply<C>();
      const auto again = outcome_of_part(command, {.reply = reply_json(reply)});
      ASSERT_TRUE(again) << C::kName << ": " << again.error().message;
      EXPECT_EQ(canonical_outcome(*again), canonical_outcome(reply));
    } else {
      EXPECT_FALSE(read) << C::kName;
      EXPECT_FALSE(outcome_of_part(command, {.reply = Json::object()})) << C::kName;
    }
  });
}

TEST(Commands, ARequestMayBeMadeAgainByItsMethodOrItsKey) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
    EXPECT_EQ(effect_of(AwaitHttp{.method = method}), EffectClass::idempotent) << method;
  for (const char* method : {"POST", "PATCH", "get", "put", ""})
    EXPECT_EQ(effect_of(AwaitHttp{.method = method}), EffectClass::once) << method;
  EXPECT_EQ(effect_of(AwaitHttp{.method = "POST", .keyed = true}), EffectClass::idempotent);
}

TEST(Commands, ShowTheirArgumentsByName) {
  EXPECT_EQ(arguments_json(AwaitFileRemove{.path = "a", .recursive = true}),
            (Json{{"path", "a"}, {"recursive", true}}));
  EXPECT_EQ(arguments_json(Join{.task = TaskId{3}}), (Json{{"task", 3}, {"timeout_ms", nullptr}}));
}

TEST(Commands, ComeBackFromTheirCanonicalArguments) {
  for_each_command([]<class C>(const C& command) {
    C other = command;
    change(other);
    for (const C& each : {command, other}) {
      const std::string form = canonical_command(each);
      EXPECT_EQ(arguments_in(form), canonical_arguments(each));
      const auto read = command_from_canonical(C::kName, arguments_in(form));
      ASSERT_TRUE(read) << C::kName << ": " << read.error().message;
      Json expected = arguments_json(each);
      if (expected.contains("messages")) expected["messages"] = Json::array();
      EXPECT_EQ(arguments_json(*read), expected) << C::kName;
    }
    EXPECT_EQ(arguments_json(*command_from_canonical(C::kName, "")), arguments_json(command));
    EXPECT_FALSE(command_from_canonical(C::kName, "x"));
  });
  EXPECT_FALSE(command_from_canonical("no.such", ""));
}

// ---- fingerprints: they are on disk ----

TEST(Fingerprint, NeverChangesForAFileRead) {
  const AwaitFileRead command{.path = "a.txt", .bytes_max = 1 << 20};
  EXPECT_EQ(hex(canonical_command(command)),
            "82"                    // [
            "6966696c652e72656164"  //  "file.read",
            "a1"                    //  {
            "00"
            "65612e747874"  //   0: "a.txt" }], 1 MiB being the default
  );
  EXPECT_EQ(hex(fingerprint_of(canonical_command(command))), "b0865fc02f3b6322a1ee967a7b31771a");
}

TEST(Fingerprint, NeverChangesForAProgram) {
  const AwaitProcess command{.argv = {"git", "status"}, .env = {{"LANG", "C"}}};
  EXPECT_EQ(hex(fingerprint_of(canonical_command(command))), "33c58bc8ac08389efd8206fb7634771d");
}

TEST(Fingerprint, DiffersWhenAnyFieldDiffers) {
  std::set<std::string> seen;
  std::size_t commands = 0;
  for_each_command([&]<class C>(const C& command) {
    seen.insert(hex(fingerprint_of(canonical_command(command))));
    ++commands;
    apply_to_fields<C>([&](const auto&... field) {
      const auto add = [&](const auto& each) {
        C other = command;
        change(other.*each.member);
        EXPECT_TRUE(seen.insert(hex(fingerprint_of(canonical_command(other)))).second)
            << C::kName << "." << each.name;
        ++commands;
      };
      (add(field), ...);
    });
  });
  EXPECT_EQ(seen.size(), commands);
}

TEST(Fingerprint, TellsWhereOneWordEndsAndTheNextBegins) {
  EXPECT_NE(fingerprint_of(canonical_command(AwaitProcess{.argv = {"a", "bc"}})),
            fingerprint_of(canonical_command(AwaitProcess{.argv = {"ab", "c"}})));
  EXPECT_NE(fingerprint_of(canonical_command(AwaitFileWrite{.path = "a", .content = "bc"})),
            fingerprint_of(canonical_command(AwaitFileWrite{.path = "ab", .content = "c"})));
}

TEST(Fingerprint, DependsOnEveryMessageOfAConversation) {
  AwaitLLMResponse first{.model = "default"};
  first.messages.add({.role = Role::system, .text = "be kind"});
  first.messages.add({.role = Role::user, .text = "hello"});
  AwaitLLMResponse second{.model = "default"};
  second.messages.add({.role = Role::system, .text = "be kind"});
  EXPECT_NE(fingerprint_of(canonical_command(first)), fingerprint_of(canonical_command(second)));
  second.messages.add({.role = Role::user, .text = "hello"});
  EXPECT_EQ(fingerprint_of(canonical_command(first)), fingerprint_of(canonical_command(second)));
}

// ---- approvals ----

const CommandId kFirst{TaskId{1}, Seq{1}};

TEST(ApprovalHash, BindsAllThatWasShown) {
  const AwaitProcess command{.argv = {"make"}};
  const Facts facts{.object = "/usr/bin/make", .object_sha256 = "00", .sandbox = "bubblewrap"};
  std::set<std::string> hashes{approval_hash(command, facts, "/w", kFirst).hex()};
  std::size_t variants = 1;
  const auto add = [&](const Sha256& hash) {
    hashes.insert(hash.hex());
    ++variants;
  };
  apply_to_fields<Facts>([&](const auto&... field) {
    const auto changed = [&](const auto& each) {
      Facts other = facts;
      change(other.*each.member);
      add(approval_hash(command, other, "/w", kFirst));
    };
    (changed(field), ...);
  });
  add(approval_hash(AwaitProcess{.argv = {"make", "x"}}, facts, "/w", kFirst));
  add(approval_hash(command, facts, "/v", kFirst));
  add(approval_hash(command, facts, "/w", {TaskId{1}, Seq{2}}));
  add(approval_hash(command, facts, "/w", {TaskId{2}, Seq{1}}));
  EXPECT_EQ(hashes.size(), variants);
}

TEST(RepeatHash, S14_RemembersTheWholeArgvAndTheProgram) {
  const Facts shell{.object = "/usr/bin/sh", .object_sha256 = "00", .sandbox = "bubblewrap"};
  const auto remembered = [&](std::string script, const Facts& facts) {
    return repeat_hash(AwaitProcess{.argv = {"sh", "-c", std::move(script)}}, facts, "/w");
  };
  EXPECT_EQ(remembered("echo 1", shell), remembered("echo 1", shell));
  EXPECT_NE(remembered("echo 1", shell), remembered("touch canary", shell));

  Facts other = shell;
  other.object_sha256 = "01";
  EXPECT_NE(remembered("echo 1", shell), remembered("echo 1", other));
  other = shell;
  other.sandbox = "none";
  EXPECT_NE(remembered("echo 1", shell), remembered("echo 1", other));
  other = shell;
  other.directory = "1:2 1:3";
  EXPECT_NE(remembered("echo 1", shell), remembered("echo 1", other));
  other = shell;
  other.files = {{"s.sh", "sha256 00"}};
  EXPECT_NE(remembered("echo 1", shell), remembered("echo 1", other));
}

}  // namespace
}  // namespace tinkerbell
