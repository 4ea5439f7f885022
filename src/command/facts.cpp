#include "tinkerbell/command/facts.hpp"

namespace tinkerbell {

namespace {

constexpr std::string_view kApprovalVersion = "tinkerbell.approval/2";

void write_subject(CanonicalWriter& writer, const TaskCommand& command,
                   const std::string& workspace) {
  writer.text(kApprovalVersion);
  writer.text(canonical_command(command));
  writer.text(workspace);
}

}  // namespace

Sha256 approval_hash(const TaskCommand& command, const Facts& facts, const std::string& workspace,
                     CommandId id) {
  CanonicalWriter writer;
  writer.begin_array(6);
  write_subject(writer, command, workspace);
  write_canonical(writer, facts);
  writer.unsigned_integer(number(id.task));
  writer.unsigned_integer(number(id.seq));
  return sha256(writer.bytes());
}

Sha256 repeat_hash(const TaskCommand& command, const Facts& facts, const std::string& workspace) {
  CanonicalWriter writer;
  writer.begin_array(facts.changes.empty() ? 8 : 9);
  write_subject(writer, command, workspace);
  writer.text(facts.object);
  // A program must be the same program, with the same scripts in the same place; a file changes
  // with each change that was allowed.
  writer.text(std::holds_alternative<AwaitProcess>(command) ? facts.object_sha256 : "");
  writer.text(facts.sandbox);
  writer.text(facts.directory);
  write_canonical(writer, facts.files);
  if (!facts.changes.empty()) write_canonical(writer, facts.changes);
  return sha256(writer.bytes());
}

}  // namespace tinkerbell
