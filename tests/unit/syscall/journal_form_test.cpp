// The canonical form of what the journal holds leaves out what is as the default has it, and names
// a field by its place. So places, names of values and defaults are part of the journal's form.

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace tinkerbell {
namespace {

/// What stands in a journal for a value; in other words, how it is read where it is left out.
template <class T>
std::string default_of(const T& value) {
  if constexpr (std::same_as<T, CanonicalValue>) {
    return value.bytes.empty() ? "(none)" : "(some)";
  } else {
    return dump_json(to_json_value(value));
  }
}

/// A line for each field of `T`: type, place, name, default.
template <class T>
void describe(std::string& out, std::string_view type) {
  const T usual{};
  std::size_t place = 0;
  apply_to_fields<T>([&](const auto&... each) {
    ((out += std::string(type) + " " + std::to_string(place++) + " " + std::string(each.name) +
             " = " + default_of(usual.*each.member) + "\n"),
     ...);
  });
}

template <class... Commands>
void describe_commands(std::string& out, std::type_identity<std::variant<Commands...>> /*all*/) {
  (describe<Commands>(out, Commands::kName), ...);
  (describe<typename Commands::Reply>(out, std::string(Commands::kName) + " reply"), ...);
}

std::string journal_form() {
  std::string form;
  describe<TaskPayload>(form, "TASK");
  describe<IntentPayload>(form, "INTENT");
  describe<StartPayload>(form, "START");
  describe<ApprovalPayload>(form, "APPROVAL");
  describe<SignalPayload>(form, "SIGNAL");
  describe<UnsurePayload>(form, "UNSURE");
  describe<DeferredPayload>(form, "DEFERRED");
  describe<DonePayload>(form, "DONE");
  describe<PreImage>(form, "FILE");
  describe<SnapshotPayload>(form, "SNAPSHOT");
  describe<BreakpointPayload>(form, "Breakpoint");
  describe<GrantPayload>(form, "Grant");
  describe<Totals>(form, "Totals");
  describe<Rest>(form, "Rest");
  describe<Spending>(form, "Spending");
  describe<Person>(form, "Person");
  describe<Facts>(form, "Facts");
  describe<FileFact>(form, "FileFact");
  describe<FileChange>(form, "FileChange");
  describe<DraftChange>(form, "DraftChange");
  describe<LeftInDraft>(form, "LeftInDraft");
  describe<Budget>(form, "Budget");
  describe<Reservation>(form, "Reservation");
  describe<Verdict>(form, "Verdict");
  describe<RuleOffer>(form, "RuleOffer");
  describe<StandingRule>(form, "StandingRule");
  describe<Message>(form, "Message");
  describe<KeptPiece>(form, "KeptPiece");
  describe<ToolCall>(form, "ToolCall");
  describe<ToolSchema>(form, "ToolSchema");
  describe<TokenUsage>(form, "TokenUsage");
  describe<FileEntry>(form, "FileEntry");
  describe<FileMatch>(form, "FileMatch");
  describe<GuidanceFile>(form, "GuidanceFile");
  describe<SkillHead>(form, "SkillHead");
  describe<PlanStep>(form, "PlanStep");
  describe<PatchedFile>(form, "PatchedFile");
  describe<PatchHunk>(form, "PatchHunk");
  describe<PartCommand>(form, "PartCommand");
  describe<PartOutcome>(form, "PartOutcome");
  describe<ToolDefinition>(form, "ToolDefinition");
  describe<ListedTool>(form, "ListedTool");
  describe<HttpField>(form, "HttpField");
  describe<GitStatusEntry>(form, "GitStatusEntry");
  describe<GitFileDiff>(form, "GitFileDiff");
  describe<GitCommit>(form, "GitCommit");
  describe<GitBranch>(form, "GitBranch");
  describe_commands(form, std::type_identity<CommandVariant>{});
  return form;
}

constexpr std::string_view kForm = R"(TASK 0 kind = ""
TASK 1 workspace = ""
TASK 2 arguments = null
TASK 3 definition = null
TASK 4 origin = {"pid":0,"uid":0,"via":""}
TASK 5 approve_all = false
TASK 6 parent = 0
TASK 7 title = ""
TASK 8 budget = {"asks":true,"calls":null,"cost":null,"tasks":null,"time_ms":null,"tokens":null}
TASK 9 root = 0
TASK 10 cassette = null
TASK 11 depth = 0
TASK 12 draft = 0
TASK 13 forked_from = 0
TASK 14 forked_step = 0
TASK 15 draft_is_made = false
TASK 16 began_unix_ns = 0
TASK 17 shares = []
TASK 18 narrowing = {"directory":"","only":null}
TASK 19 ends_with_parent = false
TASK 20 taint = {"model":false,"outside":false,"secrets":false}
INTENT 0 command = ""
INTENT 1 arguments = (none)
INTENT 2 line = ""
INTENT 3 facts = {"changes":[],"copy":null,"diff":"","directory":"","draft":0,"files":[],"host":"","left":[],"object":"","object_sha256":"","outside":false,"result_sha256":"","sandbox":""}
INTENT 4 verdict = {"decision":"ask","reason":"","rule":"","standing_rule":0}
INTENT 5 approval = 0
INTENT 6 hash = ""
INTENT 7 started = false
INTENT 8 deadline_unix_ns = 0
INTENT 9 question = null
INTENT 10 reserved = null
INTENT 11 offer = {"rule":null,"why_not":""}
START 0 approval = 0
APPROVAL 0 approval = 0
APPROVAL 1 answer = "deny"
APPROVAL 2 scope = "once"
APPROVAL 3 text = ""
APPROVAL 4 hash = ""
APPROVAL 5 by = {"pid":0,"uid":0,"via":""}
APPROVAL 6 result = null
APPROVAL 7 rule = null
SIGNAL 0 signal = "cancel"
SIGNAL 1 reason = ""
SIGNAL 2 by = {"pid":0,"uid":0,"via":""}
SIGNAL 3 seq = 0
SIGNAL 4 pattern = ""
SIGNAL 5 breakpoint = 0
SIGNAL 6 unrecorded = 0
SIGNAL 7 from = 0
SIGNAL 8 message = null
SIGNAL 9 budget = null
SIGNAL 10 secrets = false
UNSURE 0 approval = 0
UNSURE 1 evidence = ""
UNSURE 2 hash = ""
UNSURE 3 changes = []
DEFERRED 0 error_code = ""
DEFERRED 1 error = ""
DEFERRED 2 until_unix_ns = 0
DEFERRED 3 worked_ms = 0
DONE 0 state = ""
DONE 1 value = null
DONE 2 error_code = ""
DONE 3 error = ""
DONE 4 turns = null
DONE 5 cpu_us = null
DONE 6 secrets = false
FILE 0 path = ""
FILE 1 existed = false
FILE 2 mode = 0
FILE 3 content = ""
FILE 4 missing = []
SNAPSHOT 0 state = null
SNAPSHOT 1 task = {"approve_all":false,"arguments":null,"began_unix_ns":0,"budget":{"asks":true,"calls":null,"cost":null,"tasks":null,"time_ms":null,"tokens":null},"cassette":null,"definition":null,"depth":0,"draft":0,"draft_is_made":false,"ends_with_parent":false,"forked_from":0,"forked_step":0,"kind":"","narrowing":{"directory":"","only":null},"origin":{"pid":0,"uid":0,"via":""},"parent":0,"root":0,"shares":[],"taint":{"model":false,"outside":false,"secrets":false},"title":"","workspace":""}
SNAPSHOT 2 created_unix_ns = 0
SNAPSHOT 3 before_each = false
SNAPSHOT 4 breakpoints = []
SNAPSHOT 5 last_breakpoint = 0
SNAPSHOT 6 grants = []
SNAPSHOT 7 messages = []
SNAPSHOT 8 received = 0
SNAPSHOT 9 totals = {"children":[],"cost":"0.00","questions":0,"tokens_in":0,"tokens_out":0}
SNAPSHOT 10 words = []
SNAPSHOT 11 taint = null
Breakpoint 0 number = 0
Breakpoint 1 pattern = ""
Grant 0 hash = ""
Grant 1 approval = 0
Totals 0 tokens_in = 0
Totals 1 tokens_out = 0
Totals 2 questions = 0
Totals 3 children = []
Totals 4 cost = "0.00"
Rest 0 approval = 0
Rest 1 unsure = false
Rest 2 until_unix_ns = 0
Rest 3 waiting_for = ""
Spending 0 calls = 0
Spending 1 calls_estimated = 0
Spending 2 calls_unpriced = 0
Spending 3 tokens_in = 0
Spending 4 tokens_in_cached = 0
Spending 5 tokens_in_cache_write = 0
Spending 6 tokens_out = 0
Spending 7 cost = "0.00"
Spending 8 tasks = 0
Spending 9 time_ms = 0
Spending 10 questions = 0
Spending 11 accepted = 0
Person 0 via = ""
Person 1 uid = 0
Person 2 pid = 0
Facts 0 object = ""
Facts 1 object_sha256 = ""
Facts 2 sandbox = ""
Facts 3 diff = ""
Facts 4 result_sha256 = ""
Facts 5 outside = false
Facts 6 directory = ""
Facts 7 files = []
Facts 8 host = ""
Facts 9 draft = 0
Facts 10 changes = []
Facts 11 left = []
Facts 12 copy = null
FileFact 0 path = ""
FileFact 1 state = ""
FileChange 0 path = ""
FileChange 1 before = null
FileChange 2 after = null
DraftChange 0 change = {"after":null,"before":null,"path":""}
DraftChange 1 diff = ""
LeftInDraft 0 path = ""
LeftInDraft 1 why = ""
Budget 0 cost = null
Budget 1 tokens = null
Budget 2 asks = true
Budget 3 calls = null
Budget 4 tasks = null
Budget 5 time_ms = null
Reservation 0 model = ""
Reservation 1 tokens_in = 0
Reservation 2 tokens_out = 0
Reservation 3 cost = null
Reservation 4 tasks = 0
Verdict 0 decision = "ask"
Verdict 1 rule = ""
Verdict 2 reason = ""
Verdict 3 standing_rule = 0
RuleOffer 0 rule = null
RuleOffer 1 why_not = ""
StandingRule 0 number = 0
StandingRule 1 command = ""
StandingRule 2 workspace = ""
StandingRule 3 in_draft = false
StandingRule 4 program = ""
StandingRule 5 program_sha256 = ""
StandingRule 6 argv = []
StandingRule 7 with_files = false
StandingRule 8 cwd = ""
StandingRule 9 sandbox = ""
StandingRule 10 host = ""
StandingRule 11 path = ""
StandingRule 12 below = false
StandingRule 13 by_uid = 0
StandingRule 14 via = ""
StandingRule 15 since_unix_ns = 0
StandingRule 16 expires_unix_ns = 0
StandingRule 17 used = 0
StandingRule 18 last_used_unix_ns = 0
StandingRule 19 tainted = false
Message 0 role = "user"
Message 1 text = ""
Message 2 tool_calls = []
Message 3 tool_call_id = ""
Message 4 kept = []
KeptPiece 0 provider = ""
KeptPiece 1 json = ""
KeptPiece 2 text_before = 0
KeptPiece 3 calls_before = 0
ToolCall 0 id = ""
ToolCall 1 name = ""
ToolCall 2 arguments = ""
ToolSchema 0 name = ""
ToolSchema 1 description = ""
ToolSchema 2 parameters = {}
TokenUsage 0 input = 0
TokenUsage 1 input_cached = 0
TokenUsage 2 output = 0
TokenUsage 3 known = false
TokenUsage 4 input_cache_write = 0
TokenUsage 5 output_reasoning = 0
FileEntry 0 path = ""
FileEntry 1 type = ""
FileEntry 2 bytes = 0
FileMatch 0 path = ""
FileMatch 1 line = 0
FileMatch 2 text = ""
GuidanceFile 0 path = ""
GuidanceFile 1 sha256 = ""
GuidanceFile 2 text = ""
GuidanceFile 3 complete = true
SkillHead 0 name = ""
SkillHead 1 description = ""
SkillHead 2 place = "workspace"
PlanStep 0 text = ""
PlanStep 1 state = "pending"
PatchedFile 0 path = ""
PatchedFile 1 to = ""
PatchedFile 2 hunks = []
PatchedFile 3 executable = null
PatchHunk 0 line = 0
PatchHunk 1 before = ""
PatchHunk 2 after = ""
PartCommand 0 name = ""
PartCommand 1 arguments = null
PartOutcome 0 reply = null
PartOutcome 1 code = "internal"
PartOutcome 2 message = ""
PartOutcome 3 alone = false
ToolDefinition 0 name = ""
ToolDefinition 1 description = ""
ToolDefinition 2 schema = {}
ToolDefinition 3 sha256 = ""
ListedTool 0 definition = {"description":"","name":"","schema":{},"sha256":""}
ListedTool 1 offered_as = ""
ListedTool 2 effect = "once"
ListedTool 3 approved = false
HttpField 0 name = ""
HttpField 1 value = ""
GitStatusEntry 0 path = ""
GitStatusEntry 1 from = ""
GitStatusEntry 2 staged = "none"
GitStatusEntry 3 unstaged = "none"
GitStatusEntry 4 tracked = true
GitFileDiff 0 path = ""
GitFileDiff 1 from = ""
GitFileDiff 2 change = "none"
GitFileDiff 3 added = 0
GitFileDiff 4 removed = 0
GitFileDiff 5 text = ""
GitFileDiff 6 left = ""
GitCommit 0 commit = ""
GitCommit 1 parents = []
GitCommit 2 author = ""
GitCommit 3 email = ""
GitCommit 4 unix_s = 0
GitCommit 5 message = ""
GitBranch 0 name = ""
GitBranch 1 commit = ""
GitBranch 2 upstream = ""
GitBranch 3 current = false
task.spawn 0 kind = ""
task.spawn 1 arguments = {}
task.spawn 2 limits = {"calls":null,"cost":null,"tasks":null,"time_ms":null,"tokens":null}
task.spawn 3 only = null
task.spawn 4 directory = ""
task.spawn 5 ends_with_parent = false
task.join 0 task = 0
task.join 1 timeout_ms = null
task.kill 0 task = 0
task.kill 1 reason = ""
task.send 0 task = 0
task.send 1 message = null
task.receive 0 from = 0
task.receive 1 match = {}
task.receive 2 timeout_ms = null
time.sleep 0 duration_ms = 0
file.read 0 path = ""
file.read 1 bytes_max = 1048576
file.read 2 line = null
file.read 3 column = null
file.read 4 lines_max = null
file.write 0 path = ""
file.write 1 content = ""
file.edit 0 path = ""
file.edit 1 old_text = ""
file.edit 2 new_text = ""
file.edit 3 replace_all = false
file.list 0 path = "."
file.list 1 recursive = false
file.list 2 entries_max = 1000
file.search 0 text = ""
file.search 1 path = "."
file.search 2 matches_max = 200
user.approval 0 question = ""
user.approval 1 preview = ""
user.answer 0 question = ""
user.answer 1 choices = []
process.run 0 argv = []
process.run 1 cwd = "."
process.run 2 env = {}
process.run 3 timeout_ms = 120000
process.run 4 output_bytes_max = 65536
process.run 5 output_kept_max = null
llm.response 0 model = ""
llm.response 1 messages = []
llm.response 2 tools = []
llm.response 3 tokens_max = 8192
llm.response 4 output_schema = null
task.checkpoint 0 state = null
draft.accept 0 paths = []
draft.accept 1 ignored = []
draft.accept 2 report = ""
file.stat 0 path = ""
file.move 0 path = ""
file.move 1 to = ""
file.remove 0 path = ""
file.remove 1 recursive = false
file.restore 0 of = 0
file.restore 1 step = 0
file.restore 2 list_sha256 = ""
file.restore 3 keep_others = false
guidance.read 0 instructions_bytes_max = 32768
guidance.read 1 notes_bytes_max = 8192
skill.read 0 name = ""
skill.read 1 file = "SKILL.md"
skill.read 2 bytes_max = 262144
task.plan 0 steps = []
content.read 0 sha256 = ""
content.read 1 offset = 0
content.read 2 bytes_max = 24000
file.patch 0 files = []
task.together 0 parts = []
tool.list 0 server = ""
tool.trust 0 server = ""
tool.trust 1 tools = []
tool.call 0 server = ""
tool.call 1 tool = ""
tool.call 2 arguments = {}
tool.call 3 definition = ""
tool.call 4 effect = "once"
tool.call 5 input_responses = null
tool.call 6 request_state = ""
http.request 0 method = "GET"
http.request 1 url = ""
http.request 2 headers = []
http.request 3 body = ""
http.request 4 bytes_max = 1048576
http.request 5 timeout_ms = 60000
http.request 6 keyed = false
http.request 7 readable = false
http.request 8 body_kept_max = null
task.wait 0 tasks = []
task.wait 1 message = false
task.wait 2 timeout_ms = null
git.status 0 entries_max = 1000
git.diff 0 from = ""
git.diff 1 to = ""
git.diff 2 staged = false
git.diff 3 paths = []
git.diff 4 bytes_max = 262144
git.log 0 from = "HEAD"
git.log 1 paths = []
git.log 2 commits_max = 50
git.add 0 paths = []
git.commit 0 message = ""
git.commit 1 trailers = "none"
git.branch 0 action = "list"
git.branch 1 name = ""
git.branch 2 start = ""
git.branch 3 force = false
git.push 0 remote = "origin"
git.push 1 branch = ""
file.save 0 path = ""
file.save 1 sha256 = ""
task.id reply 0 task = 0
task.spawn reply 0 task = 0
task.join reply 0 state = ""
task.join reply 1 value = null
task.join reply 2 error = ""
task.join reply 3 secrets = false
task.receive reply 0 from = 0
task.receive reply 1 message = null
task.receive reply 2 number = 0
task.receive reply 3 secrets = false
time.now reply 0 unix_ns = 0
random reply 0 value = 0
file.read reply 0 text = ""
file.read reply 1 bytes = 0
file.read reply 2 next_line = 0
file.read reply 3 next_column = 0
file.read reply 4 found_at = ""
file.write reply 0 bytes = 0
file.write reply 1 created = false
file.write reply 2 changes = []
file.edit reply 0 line = 0
file.edit reply 1 changes = []
file.edit reply 2 places = 1
file.list reply 0 entries = []
file.list reply 1 complete = true
file.search reply 0 matches = []
file.search reply 1 complete = true
user.approval reply 0 granted = false
user.approval reply 1 reason = ""
user.answer reply 0 text = ""
process.run reply 0 exit_code = 0
process.run reply 1 timed_out = false
process.run reply 2 output = ""
process.run reply 3 output_bytes = 0
process.run reply 4 duration_ms = 0
process.run reply 5 note = ""
process.run reply 6 changes = []
process.run reply 7 output_sha256 = ""
llm.response reply 0 text = ""
llm.response reply 1 tool_calls = []
llm.response reply 2 finish = "stop"
llm.response reply 3 usage = {"input":0,"input_cache_write":0,"input_cached":0,"known":false,"output":0,"output_reasoning":0}
llm.response reply 4 model = ""
llm.response reply 5 received_unix_ns = 0
llm.response reply 6 kept = []
llm.response reply 7 cost = null
llm.response reply 8 fallback = ""
llm.response reply 9 took_ms = null
draft.open reply 0 files = 0
draft.open reply 1 bytes = 0
draft.open reply 2 shared = false
draft.open reply 3 left_out = []
draft.accept reply 0 changes = []
draft.accept reply 1 left = []
file.stat reply 0 type = ""
file.stat reply 1 mode = 0
file.stat reply 2 bytes = 0
file.stat reply 3 modified_unix_ns = 0
file.stat reply 4 target = ""
file.move reply 0 changes = []
file.remove reply 0 changes = []
file.restore reply 0 changes = []
file.restore reply 1 left = []
task.hear reply 0 words = []
guidance.read reply 0 instructions = []
guidance.read reply 1 notes = []
guidance.read reply 2 skills = []
guidance.read reply 3 left = []
skill.read reply 0 text = ""
skill.read reply 1 directory = ""
skill.read reply 2 files = []
content.read reply 0 text = ""
content.read reply 1 bytes = 0
content.read reply 2 next = 0
file.patch reply 0 changes = []
task.together reply 0 parts = []
tool.list reply 0 tools = []
tool.list reply 1 left = []
tool.call reply 0 text = ""
tool.call reply 1 text_bytes = 0
tool.call reply 2 structured = null
tool.call reply 3 is_error = false
tool.call reply 4 input_requests = null
tool.call reply 5 request_state = ""
http.request reply 0 status = 0
http.request reply 1 headers = []
http.request reply 2 body = ""
http.request reply 3 complete = true
http.request reply 4 url = ""
http.request reply 5 took_ms = 0
http.request reply 6 body_sha256 = ""
http.request reply 7 body_bytes = 0
task.wait reply 0 event = ""
task.wait reply 1 task = 0
git.status reply 0 branch = ""
git.status reply 1 commit = ""
git.status reply 2 upstream = ""
git.status reply 3 ahead = 0
git.status reply 4 behind = 0
git.status reply 5 entries = []
git.status reply 6 complete = true
git.status reply 7 note = ""
git.diff reply 0 files = []
git.diff reply 1 note = ""
git.log reply 0 commits = []
git.log reply 1 complete = true
git.log reply 2 note = ""
git.add reply 0 changes = []
git.add reply 1 note = ""
git.commit reply 0 commit = ""
git.commit reply 1 changes = []
git.commit reply 2 note = ""
git.branch reply 0 name = ""
git.branch reply 1 branches = []
git.branch reply 2 changes = []
git.branch reply 3 note = ""
git.push reply 0 to = ""
git.push reply 1 moved = false
git.push reply 2 changes = []
git.push reply 3 note = ""
file.save reply 0 changes = []
)";

TEST(JournalForm, NoFieldHasAnotherPlaceOrDefaultThanInJournalsThatExist) {
  EXPECT_EQ(journal_form(), kForm)
      << "Old journals would be read otherwise. Add fields at the end, and their lines here; leave "
         "the lines that are there as they are.";
}

}  // namespace
}  // namespace tinkerbell
