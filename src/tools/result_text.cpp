#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace tinkerbell {

namespace {

/// How much of one outcome goes into a conversation, where every later turn pays for it again. The
/// head says what it is, the tail is where programs put their errors.
constexpr std::size_t kBytesMax = 30'000;
constexpr std::size_t kHeadBytes = 20'000;
constexpr std::size_t kTailBytes = kBytesMax - kHeadBytes;

bool continues_code_point(char byte) {
  return (static_cast<std::uint8_t>(byte) & 0xC0) == 0x80;
}

/// `text` must be valid UTF-8.
std::string without_middle(std::string text) {
  if (text.size() <= kBytesMax) return text;
  std::size_t head = kHeadBytes;
  while (continues_code_point(text[head]))
    --head;
  std::size_t tail = text.size() - kTailBytes;
  while (continues_code_point(text[tail]))
    ++tail;
  return text.replace(head, tail - head,
                      "\n[… " + std::to_string(tail - head) + " bytes left out …]\n");
}

std::string told(const AwaitFileRead& /*command*/, const AwaitFileRead::Reply& reply) {
  return reply.text.empty() ? "(the file is empty)" : reply.text;
}

std::string told(const AwaitFileWrite& command, const AwaitFileWrite::Reply& reply) {
  return (reply.created ? "created " : "replaced ") + command.path + ", " +
         std::to_string(reply.bytes) + " bytes";
}

std::string told(const AwaitFileEdit& command, const AwaitFileEdit::Reply& reply) {
  return "edited " + command.path + " at line " + std::to_string(reply.line);
}

/// How much it was besides the path that was named.
std::string with_what(std::size_t paths) {
  return paths > 1 ? ", " + std::to_string(paths) + " paths in all" : "";
}

std::string told(const AwaitFileMove& command, const AwaitFileMove::Reply& reply) {
  const auto goes = [](const FileChange& change) { return !change.after; };
  const auto paths = std::ranges::count_if(reply.changes, goes);
  return "moved " + command.path + " to " + command.to + with_what(static_cast<std::size_t>(paths));
}

std::string told(const AwaitFileRemove& command, const AwaitFileRemove::Reply& reply) {
  return "removed " + command.path + with_what(reply.changes.size());
}

std::string told(const AwaitFileList& /*command*/, const AwaitFileList::Reply& reply) {
  if (reply.entries.empty()) return "(the directory is empty)";
  std::string text;
  for (const FileEntry& entry : reply.entries) {
    text += entry.path;
    if (entry.type == "directory") text += '/';
    if (entry.type == "link" || entry.type == "other") text += " (" + entry.type + ')';
    text += '\n';
  }
  if (!reply.complete) text += "(there are more; list a directory further down)\n";
  return text;
}

std::string told(const AwaitFileSearch& /*command*/, const AwaitFileSearch::Reply& reply) {
  if (reply.matches.empty()) return "(no matches)";
  std::string text;
  for (const FileMatch& match : reply.matches)
    text += match.path + ':' + std::to_string(match.line) + ": " + match.text + '\n';
  if (!reply.complete) text += "(there are more; search for a longer text or in a directory)\n";
  return text;
}

std::string told(const AwaitProcess& command, const AwaitProcess::Reply& reply) {
  std::string text = "exit " + std::to_string(reply.exit_code);
  if (reply.timed_out) {
    text += ", ended because its time was up (" + std::to_string(command.timeout.count()) + " ms)";
  }
  if (reply.output_bytes > reply.output.size()) {
    text += ", the middle of its " + std::to_string(reply.output_bytes) + " bytes is left out";
  }
  if (!reply.note.empty()) text += ", " + reply.note;
  return text + '\n' + reply.output;
}

std::string told(const AwaitUserAnswer& /*command*/, const AwaitUserAnswer::Reply& reply) {
  return reply.text.empty() ? "(an empty answer)" : reply.text;
}

std::string told(const UpdatePlan& /*command*/, const UpdatePlan::Reply& /*reply*/) {
  return "noted";
}

std::string told(const AwaitSkill& command, const AwaitSkill::Reply& reply) {
  std::string text = reply.text;
  if (command.file != AwaitSkill{}.file || reply.files.empty()) return text;
  text += "\n\nFiles of this skill, in " + reply.directory + ":\n";
  for (const std::string& file : reply.files)
    text += file + '\n';
  return text;
}

/// The commands that no tool stands for.
template <class C>
std::string told(const C& /*command*/, const typename C::Reply& reply) {
  return dump_json(to_json_value(reply));
}

}  // namespace

std::string result_text(const TaskCommand& command, const Result<Reply>& outcome) {
  std::string text;
  if (outcome) {
    text = std::visit(
        [&]<class C>(const C& each) { return told(each, std::get<typename C::Reply>(*outcome)); },
        command);
  } else {
    text = "error: " + std::string(name_of(outcome.error().code)) + ": " + outcome.error().message;
  }
  return without_middle(valid_utf8(text));
}

}  // namespace tinkerbell
