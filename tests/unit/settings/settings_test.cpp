#include "tinkerbell/settings/settings.hpp"

#include "support/source_root.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace tinkerbell::settings {
namespace {

using namespace std::chrono_literals;

/// The file with `text` after its first line, so that `text` begins at line 2.
Result<Settings> parsed(const std::string& text) {
  return parse_settings("schema = 1\n" + text, "tinkerbell.toml");
}

std::string fault(const std::string& text) {
  const Result<Settings> settings = parsed(text);
  return settings ? "accepted" : settings.error().message;
}

TEST(Settings, HaveDefaultsForAllThatIsNotSaid) {
  const Result<Settings> settings = parsed("");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->daemon.socket_mode, 0660U);
  EXPECT_EQ(settings->daemon.durability, Durability::power);
  EXPECT_EQ(settings->daemon.shutdown_grace, 10s);
  EXPECT_EQ(settings->log.level, LogLevel::info);
  EXPECT_EQ(settings->sandbox, SandboxKind::bubblewrap);
  EXPECT_EQ(settings->agent.steps_max, 60U);
  EXPECT_EQ(settings->agent.time_max, 1h);
  EXPECT_EQ(settings->agent.files, AgentFiles::draft);
  EXPECT_EQ(settings->models.at("default").provider, "offline");
  EXPECT_EQ(settings->providers.at("offline").type, ProviderType::offline);
  EXPECT_TRUE(settings->policy.rules.empty());
}

TEST(Settings, ReadEveryKey) {
  const Result<Settings> settings = parsed(R"(
[daemon]
state_dir = "/s"
socket = "/r/c.sock"
socket_mode = "0600"
durability = "process"
tasks_max = 7
depth_max = 2
children_max = 5
shutdown_grace = "250ms"
journal_key = { file = "/k" }
[log]
level = "debug"
target = "file"
file = "/l/t.log"
[providers.one]
type = "openai-chat"
base_url = "http://127.0.0.1:11434/v1"
key = { credential = "one" }
timeouts = { connect = "1s", first_byte = "2m", idle = "3h", total = "4d" }
at_once = 3
requests_per_minute = 500
tokens_per_minute = 20000
[providers.two]
type = "offline"
playbook = "/p.json"
[models.default]
provider = "one"
model = "m"
max_output_tokens = 99
price = { input = 2.5, input_cached = 0.25, output = 10 }
fallback = ["small"]
[models.small]
provider = "two"
model = "n"
[retry]
attempts_max = 7
patience = "3d"
pause_max = "20s"
retry_after_max = "2h"
[[policy.rule]]
name = "docs"
do = "allow"
commands = ["file.*"]
paths = ["docs/**"]
tainted = true
[[policy.rule]]
name = "push"
do = "deny"
argv = [["git", "push|pull"], ["svn"]]
[policy]
secret_files = ["keys/**"]
[sandbox]
kind = "none"
[agent]
steps_max = 5
time_max = "30m"
model = "small"
files = "live"
draft_ask_above = "3MiB"
[workspace]
track = false
kept_file_max = "64KiB"
kept_total_max = "1TiB"
[git]
name = "Ann O'Nym"
email = "ann@example.org"
[retention]
ended = "7d"
[network]
reach = ["127.0.0.1:8080", "[::1]:80"]
[budget]
cost = 0.1
tokens = 0
on_limit = "stop"
calls = 60
tasks = 0
)");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->daemon.state_dir, "/s");
  EXPECT_EQ(settings->daemon.socket, "/r/c.sock");
  EXPECT_EQ(settings->daemon.socket_mode, 0600U);
  EXPECT_EQ(settings->daemon.durability, Durability::process);
  EXPECT_EQ(settings->daemon.tasks_max, 7U);
  EXPECT_EQ(settings->daemon.depth_max, 2U);
  EXPECT_EQ(settings->daemon.children_max, 5U);
  EXPECT_EQ(settings->daemon.shutdown_grace, 250ms);
  EXPECT_EQ(settings->daemon.journal_key, (KeySource{KeyKind::file, "/k"}));
  EXPECT_EQ(settings->retention.ended, std::chrono::days(7));
  EXPECT_TRUE(settings->policy.rules.at(0).tainted);
  EXPECT_FALSE(settings->policy.rules.at(1).tainted);
  EXPECT_EQ(settings->policy.secret_files, std::vector<std::string>{"keys/**"});
  EXPECT_EQ(settings->network.reach, (std::vector<std::string>{"127.0.0.1:8080", "[::1]:80"}));
  EXPECT_FALSE(settings->workspace.track);
  EXPECT_EQ(settings->git.name, "Ann O'Nym");
  EXPECT_EQ(settings->git.email, "ann@example.org");
  EXPECT_EQ(settings->workspace.kept_file_max, 64U << 10);
  EXPECT_EQ(settings->workspace.kept_total_max, std::uint64_t{1} << 40);
  EXPECT_EQ(settings->log.level, LogLevel::debug);
  EXPECT_EQ(settings->log.target, LogTarget::file);
  EXPECT_EQ(settings->log.file, "/l/t.log");

  const ProviderSettings& one = settings->providers.at("one");
  EXPECT_EQ(one.type, ProviderType::openai_chat);
  EXPECT_EQ(one.base_url, "http://127.0.0.1:11434/v1");
  EXPECT_EQ(one.key, (KeySource{KeyKind::credential, "one"}));
  EXPECT_EQ(one.timeouts.connect, 1s);
  EXPECT_EQ(one.timeouts.first_byte, 2min);
  EXPECT_EQ(one.timeouts.idle, 3h);
  EXPECT_EQ(one.timeouts.total, 96h);
  EXPECT_EQ(one.at_once, 3U);
  EXPECT_EQ(one.requests_per_minute, 500U);
  EXPECT_EQ(one.tokens_per_minute, 20'000U);
  EXPECT_EQ(settings->providers.at("two").requests_per_minute, 0U) << "any";
  EXPECT_EQ(settings->providers.at("two").playbook, "/p.json");
  EXPECT_EQ(settings->providers.size(), 3U);
  EXPECT_EQ(settings->models.at("default").model, "m");
  EXPECT_EQ(settings->models.at("default").max_output_tokens, 99U);
  EXPECT_EQ(settings->models.size(), 2U);
  EXPECT_EQ(settings->models.at("default").fallback, std::vector<std::string>{"small"});
  ASSERT_TRUE(settings->models.at("default").price);
  const PriceSettings& price = *settings->models.at("default").price;
  EXPECT_EQ(price.input.text(), "2.50");
  EXPECT_EQ(price.input_cached.text(), "0.25");
  EXPECT_EQ(price.input_cache_write.text(), "2.50") << "as input";
  EXPECT_EQ(price.output.text(), "10.00");
  EXPECT_FALSE(settings->models.at("small").price);
  ASSERT_TRUE(settings->budget.cost);
  EXPECT_EQ(settings->budget.cost->text(), "0.10");
  EXPECT_EQ(settings->budget.tokens, 0U);
  EXPECT_EQ(settings->budget.on_limit, OnLimit::stop);
  EXPECT_EQ(settings->budget.calls, 60U);
  EXPECT_EQ(settings->budget.tasks, 0U);
  EXPECT_EQ(settings->retry.attempts_max, 7U);
  EXPECT_EQ(settings->retry.patience, 72h);
  EXPECT_EQ(settings->retry.pause_max, 20s);
  EXPECT_EQ(settings->retry.retry_after_max, 2h);

  ASSERT_EQ(settings->policy.rules.size(), 2U);
  EXPECT_EQ(settings->policy.rules[0].name, "docs");
  EXPECT_EQ(settings->policy.rules[0].decision, Decision::allow);
  EXPECT_EQ(settings->policy.rules[0].paths, std::vector<std::string>{"docs/**"});
  EXPECT_EQ(settings->policy.rules[1].decision, Decision::deny);
  EXPECT_EQ(settings->policy.rules[1].argv[0], (std::vector<std::string>{"git", "push|pull"}));
  EXPECT_EQ(settings->sandbox, SandboxKind::none);
  EXPECT_EQ(settings->agent.steps_max, 5U);
  EXPECT_EQ(settings->agent.time_max, 30min);
  EXPECT_EQ(settings->agent.model, "small");
  EXPECT_EQ(settings->agent.files, AgentFiles::live);
  EXPECT_EQ(settings->policy.draft_bytes_unasked, std::uint64_t{3} << 20);
}

TEST(Settings, NameTheLineOfAnUnknownKeyAndWhatWasMeant) {
  EXPECT_EQ(fault("[models.default]\nprovider = \"offline\"\nmodle = \"m\"\nmodel = \"m\"\n"),
            "tinkerbell.toml:4: unknown key \"modle\" in [models.default]: did you mean "
            "\"model\"?");
  EXPECT_EQ(fault("[deamon]\n"),
            "tinkerbell.toml:2: unknown key \"deamon\" in the file: did you mean \"daemon\"?");
  EXPECT_EQ(fault("[log]\ncolour = true\n"), "tinkerbell.toml:3: unknown key \"colour\" in [log]");
  EXPECT_EQ(fault("[log]\n\"\\u001b[2J\" = 1\n"),
            "tinkerbell.toml:3: unknown key \"\\x1b[2J\" in [log]");
}

TEST(Settings, ReportWhatStandsFirst) {
  EXPECT_EQ(fault("[agent]\nsteps_max = 0\n[log]\nx = 1\n"),
            "tinkerbell.toml:3: \"steps_max\" in [agent] must be from 1 to 100000, not 0");
}

struct Mistake {
  std::string text;
  std::string message;  ///< After "tinkerbell.toml:".
};

class SettingsMistake : public testing::TestWithParam<Mistake> {};

TEST_P(SettingsMistake, F64_IsRefusedWithItsLine) {
  EXPECT_EQ(fault(GetParam().text), std::string("tinkerbell.toml:") + GetParam().message);
}

Mistake budget_mistake(const std::string& value, const std::string& complaint) {
  return {"[budget]\ncost = " + value + "\n", "3: \"cost\" in [budget] must be " + complaint};
}

const std::string kNoAmount = "is no amount: digits, then up to 6 behind a point";

INSTANTIATE_TEST_SUITE_P(
    S88_Money, SettingsMistake,
    testing::Values(
        budget_mistake("-1", "an amount: \"-1\" " + kNoAmount),
        budget_mistake("-0.5", "an amount: \"-0.5\" " + kNoAmount),
        budget_mistake("nan", "an amount: \"nan\" " + kNoAmount),
        budget_mistake("inf", "an amount: \"inf\" " + kNoAmount),
        budget_mistake("1e30",
                       "an amount: \"1000000000000000019884624838656\" is more than 9 "
                       "million"),
        budget_mistake("1e-9", "an amount: \"0.000000001\" " + kNoAmount),
        budget_mistake("\"5\"", "a number, not a string"),
        budget_mistake("true", "a number, not true or false"),
        budget_mistake("[5]", "a number, not an array"),
        Mistake{"[budget]\ntokens = -1\n",
                "3: \"tokens\" in [budget] must be from 0 to 4000000000, not -1"},
        Mistake{"[budget]\ntokens = 1.5\n",
                "3: \"tokens\" in [budget] must be an integer, not a number with a fraction"},
        Mistake{"[budget]\non_limit = \"go on\"\n",
                "3: \"on_limit\" in [budget] must be one of ask, stop, not \"go on\""},
        Mistake{"[models.default]\nprovider = \"offline\"\nmodel = \"m\"\nprice = { input = 1 }\n",
                "5: \"output\" in [models.default] price is missing: what a million tokens cost"},
        Mistake{"[models.default]\nprovider = \"offline\"\nmodel = \"m\"\nprice = 3\n",
                "5: \"price\" in [models.default] must be a table, not an integer"}));

INSTANTIATE_TEST_SUITE_P(
    All, SettingsMistake,
    testing::Values(
        Mistake{"[daemon]\ntasks_max = \"many\"\n",
                "3: \"tasks_max\" in [daemon] must be an integer, not a string"},
        Mistake{"[daemon]\ntasks_max = -1\n",
                "3: \"tasks_max\" in [daemon] must be from 1 to 1000000, not -1"},
        Mistake{"[daemon]\ntasks_max = 4294967297\n",
                "3: \"tasks_max\" in [daemon] must be from 1 to 1000000, not 4294967297"},
        Mistake{"[daemon]\nshutdown_grace = \"10\"\n",
                "3: \"shutdown_grace\" in [daemon] must be a duration like \"250ms\", \"30s\", "
                "\"5m\", \"2h\" or \"1d\", not \"10\""},
        Mistake{"[git]\nemail = \"a@b> \"\n",
                "3: \"email\" in [git] must be as a commit may have it"},
        Mistake{"[git]\nname = \"\"\n", "3: \"name\" in [git] must be as a commit may have it"},
        Mistake{"[workspace]\ntrack = \"no\"\n",
                "3: \"track\" in [workspace] must be true or false, not a string"},
        Mistake{"[workspace]\nkept_file_max = \"0MiB\"\n",
                "3: \"kept_file_max\" in [workspace] must be a size like \"64KiB\", \"256MiB\" or "
                "\"4GiB\", not \"0MiB\""},
        Mistake{"[workspace]\nkept_total_max = \"99999999TiB\"\n",
                "3: \"kept_total_max\" in [workspace] must be a size like \"64KiB\", \"256MiB\" or "
                "\"4GiB\", not \"99999999TiB\""},
        Mistake{"[daemon]\nshutdown_grace = 10\n",
                "3: \"shutdown_grace\" in [daemon] must be a string, not an integer"},
        Mistake{"[daemon]\nstate_dir = \"state\"\n",
                "3: \"state_dir\" in [daemon] must be an absolute path, not \"state\""},
        Mistake{"[daemon]\nsocket_mode = \"0990\"\n",
                "3: \"socket_mode\" in [daemon] must be permission bits like \"0660\", not "
                "\"0990\""},
        Mistake{"[daemon]\ndurability = \"fast\"\n",
                "3: \"durability\" in [daemon] must be one of power, process, not \"fast\""},
        Mistake{"log = true\n", "2: \"log\" in the file must be a table, not true or false"},
        Mistake{"[log]\ntarget = \"file\"\n",
                "3: \"target\" in [log] needs a \"file\" to write to"},
        Mistake{"[providers.p]\nbase_url = \"http://x\"\n",
                "2: \"type\" in [providers.p] is missing"},
        Mistake{"[providers.p]\ntype = \"openai-chat\"\n",
                "2: \"base_url\" in [providers.p] must begin with https:// or http://"},
        Mistake{"[providers.p]\ntype = \"ollama\"\n",
                "2: \"base_url\" in [providers.p] must begin with https:// or http://"},
        Mistake{"[providers.p]\ntype = \"ollama\"\nbase_url = \"http://x\"\n"
                "api_version = \"1\"\n",
                "5: \"api_version\" in [providers.p] is for type = \"anthropic\" only"},
        Mistake{"[providers.p]\ntype = \"openai-chat\"\nbase_url = \"http://x\"\n"
                "key_header = \"x-api-key\"\n",
                "5: \"key_header\" in [providers.p] is for type = \"anthropic\" only"},
        Mistake{"[providers.p]\ntype = \"anthropic\"\nbase_url = \"http://x\"\n"
                "api_version = \"1\\n2\"\n",
                "5: \"api_version\" in [providers.p] must be a word without blanks or control "
                "characters"},
        Mistake{"[models.default]\nprovider = \"offline\"\nmodel = \"m\"\ncontext_tokens = 0\n",
                "5: \"context_tokens\" in [models.default] must be from 1 to 10000000, not 0"},
        Mistake{
            "[models.default]\nprovider = \"offline\"\nmodel = \"m\"\nthinking = \"low\"\n",
            "5: \"thinking\" in [models.default] is not for the type \"offline\": a playbook does "
            "not think"},
        Mistake{"[providers.p]\ntype = \"openai-chat\"\nbase_url = \"http://x\"\n"
                "[models.default]\nprovider = \"p\"\nmodel = \"m\"\nthinking = \"on\"\n",
                "8: \"thinking\" in [models.default] must say how much to OpenAI's protocols: low, "
                "medium, high"},
        Mistake{"[providers.p]\ntype = \"openai-responses\"\nbase_url = \"http://x\"\n"
                "[models.default]\nprovider = \"p\"\nmodel = \"m\"\nthinking = \"on\"\n",
                "8: \"thinking\" in [models.default] must say how much to OpenAI's protocols: low, "
                "medium, high"},
        Mistake{"[providers.p]\ntype = \"ollama\"\nbase_url = \"http://x\"\n"
                "[models.default]\nprovider = \"p\"\nmodel = \"m\"\nthinking = true\n",
                "8: \"thinking\" in [models.default] must be a string, not true or false"},
        Mistake{
            "[providers.p]\ntype = \"ollama\"\nbase_url = \"http://x\"\n"
            "[models.default]\nprovider = \"p\"\nmodel = \"m\"\nthinking = \"max\"\n",
            "8: \"thinking\" in [models.default] must be one of off, on, low, medium, high, not "
            "\"max\""},
        Mistake{"[retry]\nattempts_max = 0\n",
                "3: \"attempts_max\" in [retry] must be from 1 to 1000, not 0"},
        Mistake{"[providers.p]\ntype = \"offlin\"\nplaybook = \"/p.json\"\n",
                "3: \"type\" in [providers.p] must be one of openai-chat, openai-responses, "
                "anthropic, ollama, offline, not \"offlin\""},
        Mistake{"[providers.p]\ntype = \"openai-chat\"\nbase_url = \"https://me:pw@x\"\n",
                "4: \"base_url\" in [providers.p] must not contain a name or password: use "
                "\"key\""},
        Mistake{"[providers.p]\ntype = \"offline\"\nkey = \"sk-very-secret\"\n",
                "4: \"key\" in [providers.p] must say where the key is, like { file = \"/…\" }: "
                "never the key itself"},
        Mistake{"[providers.p]\ntype = \"offline\"\nkey = { env = \"A\", file = \"/b\" }\n",
                "4: \"credential\" in [providers.p] key or \"file\" or \"env\": exactly one of "
                "them is needed"},
        Mistake{"[providers.p]\ntype = \"offline\"\nkey = { fiel = \"/b\" }\n",
                "4: unknown key \"fiel\" in [providers.p] key: did you mean \"file\"?"},
        Mistake{"[models.default]\nprovider = \"p\"\nmodel = \"m\"\n",
                "3: \"provider\" in [models.default] must be one of [providers], not \"p\""},
        Mistake{"[providers.offline]\ntype = \"offline\"\nrequests_per_minute = 0\n",
                "4: \"requests_per_minute\" in [providers.offline] must be from 1 to 1000000000, "
                "not 0"},
        Mistake{"[models.default]\nprovider = \"offline\"\nmodel = \"m\"\nfallback = [\"b\"]\n",
                "5: \"fallback\" in [models.default] must name some of [models], not \"b\""},
        Mistake{"[models.default]\nprovider = \"offline\"\nmodel = \"m\"\n"
                "fallback = [\"default\"]\n",
                "5: \"fallback\" in [models.default] must not name the model itself"},
        Mistake{"[models.default]\nprovider = \"offline\"\nmodel = \"m\"\n"
                "fallback = [\"b\", \"b\"]\n[models.b]\nprovider = \"offline\"\nmodel = \"m\"\n",
                "5: \"fallback\" in [models.default] has \"b\" twice"},
        Mistake{"[models.small]\nprovider = \"offline\"\nmodel = \"m\"\n",
                "1: \"agent\" in the file wants a model \"default\" that [models] has not"},
        Mistake{"[[policy.rule]]\nname = \"x\"\ndo = \"allow\"\n",
                "2: \"commands\" in [[policy.rule]] is missing: say commands = [\"*\"] for all"},
        Mistake{"[[policy.rule]]\nname = \"x\"\ndo = \"ask\"\ncommands = [\"*\"]\ntainted = true\n",
                "6: \"tainted\" in [[policy.rule]] says that an allowance holds all the same: "
                "this allows nothing"},
        Mistake{"[policy]\nsecret_files = [\"/etc/shadow\"]\n",
                "3: \"secret_files\" in [policy] holds paths within the workspace: \"docs/**\", "
                "not \"./docs\" or \"/docs\""},
        Mistake{"[[policy.rule]]\nname = \"x\"\ncommands = [\"*\"]\n",
                "2: \"do\" in [[policy.rule]] is missing: allow, ask or deny"},
        Mistake{"[[policy.rule]]\nname = \"x\"\ndo = \"deny\"\ncommands = [\"file.wirte\"]\n",
                "5: \"commands\" in [[policy.rule]] names no command by \"file.wirte\""},
        Mistake{"[[policy.rule]]\nname = \"x\"\ndo = \"deny\"\nargv = [[\"...\"]]\n",
                "5: \"argv\" in [[policy.rule]] holds only \"...\", which follows a program: for "
                "all programs say commands = [\"process.run\"]"},
        Mistake{"[[policy.rule]]\nname = \"x\"\ndo = \"deny\"\nargv = [[\"git\", \"...\", "
                "\"push\"]]\n",
                "5: \"argv\" in [[policy.rule]] may hold \"...\" only as the last word "
                "of a list"},
        Mistake{"[[policy.rule]]\nname = \"x\"\ndo = \"deny\"\nargv = [\"git\"]\n",
                "5: \"argv\" in [[policy.rule]] must be an array of arrays of strings, none of "
                "them empty"},
        Mistake{"[[policy.rule]]\nname = \"x\"\ndo = \"deny\"\npaths = [\"./docs\"]\n",
                "5: \"paths\" in [[policy.rule]] holds paths within the workspace: \"docs/**\", "
                "not \"./docs\" or \"/docs\""},
        Mistake{"[notify]\ncommand = [\"notify-send\"]\n",
                "3: \"command\" in [notify] must begin with the absolute path of a program"},
        Mistake{"[notify]\ncommand = [\"/x\"]\non = [\"question\", \"joy\"]\n",
                "4: \"on\" in [notify] may have question, failed and budget, not \"joy\""},
        Mistake{"[notify]\ncommand = [\"/x\"]\ntimeout = \"6m\"\n",
                "4: \"timeout\" in [notify] must be at most 5m"},
        Mistake{"[ask]\ncommand = [\"\"]\n",
                "3: \"command\" in [ask] must begin with the absolute path of a program"},
        Mistake{"[ask]\ncommand = [\"/x\"]\ntimeout = \"2d\"\n",
                "4: \"timeout\" in [ask] must be at most 1d"},
        Mistake{"[[probe]]\ncommand = [\"x\"]\nargv = [\"y\"]\n",
                "2: \"name\" in [[probe]] is missing: its evidence is told by it"},
        Mistake{"[[probe]]\nname = \"x\"\nargv = [\"y\"]\n",
                "2: \"command\" in [[probe]] is missing: a program and its first words"},
        Mistake{"[[probe]]\nname = \"x\"\ncommand = [\"y\"]\n",
                "2: \"argv\" in [[probe]] is missing: a program and its first words"},
        Mistake{"[[probe]]\nname = \"x\"\ncommand = []\nargv = [\"y\"]\n",
                "4: \"command\" in [[probe]] must be an array of strings, not empty"},
        Mistake{"[[probe]]\nname = \"x\"\ncommand = [\"y\"]\nargv = [\"z\"]\n"
                "timeout = \"6m\"\n",
                "6: \"timeout\" in [[probe]] must be at most 5m"},
        Mistake{"[policy]\nrule = 1\n",
                "3: \"rule\" in [policy] must be an array of tables, not an integer"}));

TEST(Settings, KnowEachKindOfService) {
  const Result<Settings> settings = parsed(R"(
[providers.r]
type = "openai-responses"
base_url = "https://api.openai.com/v1"
[providers.a]
type = "anthropic"
base_url = "https://api.anthropic.com"
key = { env = "A" }
[providers.b]
type = "anthropic"
base_url = "http://gateway"
api_version = "2023-06-01"
key_header = "authorization"
[providers.o]
type = "ollama"
base_url = "http://127.0.0.1:11434"
[models.default]
provider = "o"
model = "m"
context_tokens = 65536
thinking = "on"
[models.small]
provider = "o"
model = "m"
[models.quick]
provider = "r"
model = "m"
thinking = "off"
)");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->providers.at("r").type, ProviderType::openai_responses);
  EXPECT_EQ(settings->providers.at("a").type, ProviderType::anthropic);
  EXPECT_EQ(settings->providers.at("a").api_version, "2026-10-21");
  EXPECT_EQ(settings->providers.at("a").key_header, KeyHeader::x_api_key);
  EXPECT_EQ(settings->providers.at("b").api_version, "2023-06-01");
  EXPECT_EQ(settings->providers.at("b").key_header, KeyHeader::authorization);
  EXPECT_EQ(settings->providers.at("o").type, ProviderType::ollama);
  EXPECT_EQ(settings->models.at("default").context_tokens, 65'536U);
  EXPECT_EQ(settings->models.at("small").context_tokens, 32'768U);
  EXPECT_EQ(settings->models.at("quick").context_tokens, 128'000U);
  EXPECT_EQ(settings->models.at("default").thinking, Thinking::on);
  EXPECT_EQ(settings->models.at("small").thinking, std::nullopt);
  EXPECT_EQ(settings->models.at("quick").thinking, Thinking::off);
}

TEST(Settings, ReadMcpServers) {
  const Result<Settings> settings = parsed(R"(
[mcp.my-notes]
command = ["/opt/notes/server", "-q"]
env = { A = "b" }
network = true
files = "read"
shows = ["/opt/notes"]
timeout = "30s"
tools = ["search*"]
effects = { search = "pure" }
[mcp.plain]
command = ["server"]
[[policy.rule]]
name = "search"
do = "allow"
tools = ["my-notes__search"]
)");
  ASSERT_TRUE(settings) << settings.error().message;
  const McpServerSettings& notes = settings->mcp.at("my-notes");
  EXPECT_EQ(notes.command, (std::vector<std::string>{"/opt/notes/server", "-q"}));
  EXPECT_EQ(notes.env, (std::map<std::string, std::string>{{"A", "b"}}));
  EXPECT_TRUE(notes.network);
  EXPECT_EQ(notes.files, McpFiles::read);
  EXPECT_EQ(notes.shows, std::vector<std::string>{"/opt/notes"});
  EXPECT_EQ(notes.timeout, Milliseconds{30'000});
  EXPECT_EQ(notes.tools, std::vector<std::string>{"search*"});
  EXPECT_EQ(notes.effects.at("search"), ToolEffect::pure);
  EXPECT_EQ(settings->mcp.at("plain").files, McpFiles::none);
  EXPECT_FALSE(settings->mcp.at("plain").network);
  EXPECT_EQ(settings->policy.rules.at(0).tools, std::vector<std::string>{"my-notes__search"});
}

TEST(Settings, RefuseMcpServersThatCannotBe) {
  for (const char* text :
       {"[mcp.a_b]\ncommand = [\"x\"]", "[mcp.a]\nnetwork = true",
        "[mcp.a]\ncommand = [\"x\"]\nshows = [\"opt\"]",
        "[mcp.a]\ncommand = [\"x\"]\nshows = [\"/\"]",
        "[mcp.a]\ncommand = [\"x\"]\neffects = { t = \"local\" }",
        "[mcp.a]\ncommand = [\"x\"]\nfile = \"read\"",
        "[[policy.rule]]\nname = \"x\"\ndo = \"allow\"\ntools = [\"a__b\"]\npaths = [\"a\"]"})
    EXPECT_FALSE(parsed(text)) << text;
}

TEST(Settings, ReadProbesInTheirOrder) {
  const Result<Settings> settings = parsed(R"(
[[probe]]
name = "deploy"
command = ["./deploy.sh", "live"]
argv = ["./is-deployed.sh", "{arguments}"]
timeout = "30s"
[[probe]]
name = "push"
command = ["git", "push"]
argv = ["sh", "-c", "exit 2"]
)");
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->probes.size(), 2U);
  EXPECT_EQ(settings->probes[0].name, "deploy");
  EXPECT_EQ(settings->probes[0].command, (std::vector<std::string>{"./deploy.sh", "live"}));
  EXPECT_EQ(settings->probes[0].argv,
            (std::vector<std::string>{"./is-deployed.sh", "{arguments}"}));
  EXPECT_EQ(settings->probes[0].timeout, 30s);
  EXPECT_EQ(settings->probes[1].command[1], "push");
  EXPECT_EQ(settings->probes[1].timeout, 10s);
}

TEST(Settings, WantTheSchemaTheyKnow) {
  EXPECT_EQ(parse_settings("", "t").error().message,
            "t:1: \"schema\" in the file is missing: write schema = 1");
  EXPECT_EQ(parse_settings("schema = 2\n", "t").error().message,
            "t:1: \"schema\" in the file must be from 1 to 1, not 2");
}

TEST(Settings, RefuseWhatIsNotToml) {
  for (const char* text : {"[log", "a = ", "x", "log.level = info\n", "a = \"\xff\"\n",
                           "a = 1\na = 2\n", "[log]\nlevel = \"in"}) {
    const Result<Settings> settings = parsed(text);
    ASSERT_FALSE(settings) << text;
    EXPECT_TRUE(settings.error().message.starts_with("tinkerbell.toml:")) << text;
  }
}

TEST(Settings, S66_RefuseDeepAndLargeText) {
  EXPECT_FALSE(parsed("a = " + std::string(100'000, '[')));
  EXPECT_EQ(parsed(std::string(2 << 20, '#')).error().code, Errc::too_large);
}

TEST(Settings, S6_NeverRepeatAKey) {
  const std::string secret = "sk-0123456789abcdefghij";
  for (const std::string& text :
       {"key = \"" + secret + "\"", "key = " + secret, "key = [\"" + secret + "\"]",
        "key = { value = \"" + secret + "\" }", "key = \"" + secret,
        "base_url = \"https://u:" + secret + "@host\""}) {
    const std::string message = fault("[providers.p]\ntype = \"openai-chat\"\n" + text + "\n");
    EXPECT_NE(message, "accepted") << text;
    EXPECT_FALSE(message.contains("0123456789")) << message;
  }
}

// ---- the file itself ----

class SettingsFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/settings.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string file(const std::string& text, mode_t mode) {
    const std::string path = directory_ + "/tinkerbell.toml";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  std::string directory_;
};

TEST_F(SettingsFile, IsReadWhenOnlyItsOwnerCanWriteIt) {
  const Result<Settings> settings = load_settings(file("schema = 1\n", 0644));
  EXPECT_TRUE(settings) << settings.error().message;
}

TEST_F(SettingsFile, S9_IsRefusedWhenOthersCanWriteIt) {
  for (const mode_t mode : {0666U, 0664U, 0646U}) {
    const std::string path = file("schema = 1\n", mode);
    const Result<Settings> settings = load_settings(path);
    ASSERT_FALSE(settings) << mode;
    EXPECT_EQ(settings.error().code, Errc::denied);
    EXPECT_TRUE(settings.error().message.contains(path)) << settings.error().message;
    EXPECT_TRUE(settings.error().message.contains("mode 06")) << settings.error().message;
  }
}

TEST_F(SettingsFile, S9_IsRefusedWhenItBelongsToSomebodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = file("schema = 1\n", 0644);
  ASSERT_EQ(::chown(path.c_str(), 12'345, 0), 0);
  EXPECT_EQ(load_settings(path).error().code, Errc::denied);
}

TEST_F(SettingsFile, IsRefusedWhenItIsMissingOrNoFile) {
  EXPECT_EQ(load_settings(directory_ + "/absent").error().code, Errc::not_found);
  EXPECT_EQ(load_settings(directory_).error().code, Errc::invalid);
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(load_settings(fifo).error().code, Errc::invalid);
}

TEST(Settings, RefuseRulesForRequestsThatCouldNotMatch) {
  const auto fault = [](const std::string& conditions) {
    const auto settings =
        parsed("[[policy.rule]]\nname = \"r\"\ndo = \"allow\"\n" + conditions + "\n");
    return settings ? "none" : settings.error().message;
  };
  EXPECT_EQ(fault("hosts = [\"*.example.com\", \"[::1]:80\"]\nmethods = [\"GET\"]"), "none");
  for (const char* hosts : {"\"API.example.com\"", "\"https://api.example.com\"", "\"a/b\""})
    EXPECT_THAT(fault("hosts = [" + std::string(hosts) + "]"), testing::HasSubstr("\"hosts\""))
        << hosts;
  for (const char* methods : {"\"get\"", "\"\"", "\"*\""})
    EXPECT_THAT(fault("methods = [" + std::string(methods) + "]"),
                testing::HasSubstr("\"methods\""))
        << methods;
  EXPECT_THAT(fault("hosts = [\"a\"]\npaths = [\"b\"]"), testing::HasSubstr("\"hosts\""));
  EXPECT_THAT(fault("methods = [\"GET\"]\nargv = [[\"b\"]]"), testing::HasSubstr("\"methods\""));
}

TEST(Settings, NameServersToReachByHostAndPort) {
  for (const char* reach : {"\"127.0.0.1\"", "\":80\"", "\"a:0\"", "\"a:65536\"", "\"a:080\"",
                            "\"a:b\"", "\"A:80\"", "\"http://a:80\"", "\"u@a:80\"", "\"a: 80\""}) {
    EXPECT_FALSE(parsed("[network]\nreach = [" + std::string(reach) + "]\n")) << reach;
  }
  EXPECT_TRUE(parsed("[network]\nreach = [\"intranet.example:65535\"]\n"));
}

/// config/tinkerbell.toml of this checkout.
std::string shipped_config() {
  std::ifstream file(source_root() / "config/tinkerbell.toml");
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ShippedConfig, SaysTheDefaults) {
  const Result<Settings> shipped = parse_settings(shipped_config(), "tinkerbell.toml");
  ASSERT_TRUE(shipped) << shipped.error().message;
  const Settings defaults;
  EXPECT_EQ(shipped->daemon.socket_mode, defaults.daemon.socket_mode);
  EXPECT_EQ(shipped->daemon.durability, defaults.daemon.durability);
  EXPECT_EQ(shipped->daemon.tasks_max, defaults.daemon.tasks_max);
  EXPECT_EQ(shipped->daemon.depth_max, defaults.daemon.depth_max);
  EXPECT_EQ(shipped->daemon.children_max, defaults.daemon.children_max);
  EXPECT_EQ(shipped->daemon.shutdown_grace, defaults.daemon.shutdown_grace);
  EXPECT_EQ(shipped->retention.ended, defaults.retention.ended);
  EXPECT_EQ(shipped->network.reach, defaults.network.reach);
  EXPECT_EQ(shipped->workspace.track, defaults.workspace.track);
  EXPECT_EQ(shipped->git.name, defaults.git.name);
  EXPECT_EQ(shipped->git.email, defaults.git.email);
  EXPECT_EQ(shipped->workspace.kept_file_max, defaults.workspace.kept_file_max);
  EXPECT_EQ(shipped->workspace.kept_total_max, defaults.workspace.kept_total_max);
  EXPECT_EQ(shipped->log.level, defaults.log.level);
  EXPECT_EQ(shipped->log.target, defaults.log.target);
  EXPECT_EQ(shipped->providers.size(), defaults.providers.size());
  EXPECT_EQ(shipped->models.size(), defaults.models.size());
  EXPECT_EQ(shipped->models.at("default").max_output_tokens, ModelSettings{}.max_output_tokens);
  EXPECT_EQ(shipped->models.at("default").context_tokens, ModelSettings{}.context_tokens);
  EXPECT_EQ(shipped->sandbox, defaults.sandbox);
  EXPECT_EQ(shipped->agent.steps_max, defaults.agent.steps_max);
  EXPECT_EQ(shipped->agent.time_max, defaults.agent.time_max);
  EXPECT_EQ(shipped->agent.model, defaults.agent.model);
  EXPECT_EQ(shipped->agent.files, defaults.agent.files);
  EXPECT_EQ(shipped->policy.draft_bytes_unasked, defaults.policy.draft_bytes_unasked);
  EXPECT_EQ(shipped->budget.cost, defaults.budget.cost);
  EXPECT_EQ(shipped->budget.tokens, defaults.budget.tokens);
  EXPECT_EQ(shipped->budget.on_limit, defaults.budget.on_limit);
}

/// The file with its commented keys and tables put into effect, one provider key of the three.
std::string uncommented(std::string text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    const bool example =
        line.starts_with("# ") && (line.contains(" = ") || line.starts_with("# [["));
    const bool table = (line.starts_with("# [providers.") || line.starts_with("# [models.") ||
                        line.starts_with("# [mcp.") || line == "# [notify]" || line == "# [ask]") &&
                       line.ends_with("]");
    const bool other_key = line.contains("key = { file") || line.contains("key = { env");
    if (other_key) continue;
    out += (example || table ? line.substr(2) : line) + "\n";
  }
  return out;
}

TEST(ShippedConfig, StaysValidWhenItsExamplesAreTakenUp) {
  const Result<Settings> settings =
      parse_settings(uncommented(shipped_config()), "tinkerbell.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->policy.rules.size(), 4U);
  EXPECT_EQ(settings->probes.size(), 1U);
  EXPECT_EQ(settings->mcp.size(), 1U);
  EXPECT_EQ(settings->notify.on, Settings().notify.on);
  EXPECT_EQ(settings->notify.timeout, Settings().notify.timeout);
  EXPECT_EQ(settings->ask.timeout, Settings().ask.timeout);
  EXPECT_EQ(settings->providers.at("openai").key, (KeySource{KeyKind::credential, "openai"}));
  EXPECT_EQ(settings->providers.at("anthropic").api_version, ProviderSettings{}.api_version);
  EXPECT_EQ(settings->providers.at("anthropic").key_header, ProviderSettings{}.key_header);
  EXPECT_EQ(settings->providers.at("ollama").type, ProviderType::ollama);
  EXPECT_TRUE(settings->models.at("default").price);
  EXPECT_TRUE(settings->budget.cost);
  EXPECT_FALSE(settings->daemon.state_dir.empty());
  EXPECT_FALSE(settings->log.file.empty());
}

TEST(Settings, KeysThatNestTooDeeplyAreRefusedAndNotParsed) {
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i)
    deep += ".a";
  for (const std::string& text :
       {deep + " = 1\n", "[" + deep + "]\n", "x = { " + deep + " = 1 }\n"}) {
    const auto settings = parse_settings("schema = 1\n" + text, "t.toml");
    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error().message, "t.toml:2: keys of more than 32 parts");
  }
  EXPECT_TRUE(
      parse_settings("schema = 1 # ................................................\n", "t.toml"));
}

}  // namespace
}  // namespace tinkerbell::settings
