#include "tinkerbell/policy/taint.hpp"

#include "policy/glob.hpp"
#include "policy/match.hpp"

#include <algorithm>
#include <concepts>
#include <string_view>
#include <variant>
#include <vector>

namespace tinkerbell {

namespace {

template <class T, class... Others>
concept OneOf = (std::same_as<T, Others> || ...);

/// Their outcomes tell nothing but what the task's operator, the daemon or its model said.
template <class Command>
concept Inward =
    OneOf<Command, GetTid, Yield, Hear, Spawn, Kill, Send, Checkpoint, Sleep, Now, Random,
          UpdatePlan, AwaitUserApproval, AwaitUserAnswer, AwaitLLMResponse, AwaitFileWrite,
          AwaitFileMove, AwaitFileRemove, AwaitFileRestore, AwaitFileSave, AwaitDraftOpen,
          AwaitDraftAccept, AwaitDraftDrop, AwaitToolTrust, Together>;

/// They name files and show nothing of what stands in them.
template <class Command>
concept Blind =
    OneOf<Command, AwaitFileWrite, AwaitFileSave, AwaitFileRemove, AwaitFileList, AwaitFileStat>;

bool says_nothing(const AwaitGuidance::Reply& read) {
  return read.instructions.empty() && read.notes.empty() && read.skills.empty();
}

/// Whether what stands in the reply, or in the error's message, may be the words of others.
bool brings_words(const TaskCommand& command, const Result<Reply>& outcome) {
  if (outcome) {
    const auto* const read = std::get_if<AwaitGuidance::Reply>(&*outcome);
    if (read != nullptr && says_nothing(*read)) return false;
  } else if (outcome.error().code == Errc::denied) {
    return false;
  }
  return std::visit([]<class Command>(const Command&) { return !Inward<Command>; }, command);
}

bool is_secret(std::string_view path, std::span<const std::string> secret_files) {
  const std::string plain = without_dots(path);
  const std::string within = plain + "/any";  // of a directory of which all is meant
  return std::ranges::any_of(secret_files, [&](const std::string& glob) {
    return glob_matches(glob, plain) || (glob.ends_with("/**") && glob_matches(glob, within));
  });
}

/// Also in the middle of a word, as in `sh -c 'cat .env | head'` and `--file=.env`.
bool names_secret(std::string_view word, std::span<const std::string> secret_files) {
  constexpr std::string_view kOfPaths =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-~+@";
  while (!word.empty()) {
    const std::size_t begin = word.find_first_of(kOfPaths);
    if (begin == word.npos) return false;
    word.remove_prefix(begin);
    const std::size_t end = std::min(word.find_first_not_of(kOfPaths), word.size());
    if (is_secret(word.substr(0, end), secret_files)) return true;
    word.remove_prefix(end);
  }
  return false;
}

/// Whether another task may have told it what stands in a file of secrets.
bool is_told_secret(const Result<Reply>& outcome) {
  if (!outcome) return false;
  const auto* const end = std::get_if<Join::Reply>(&*outcome);
  const auto* const message = std::get_if<Receive::Reply>(&*outcome);
  return (end != nullptr && end->secrets) || (message != nullptr && message->secrets);
}

/// The files of which the reply shows something, whatever the command says.
std::vector<std::string_view> files_shown(const Result<Reply>& outcome) {
  std::vector<std::string_view> files;
  if (!outcome) return files;
  if (const auto* const read = std::get_if<AwaitFileRead::Reply>(&*outcome)) {
    files.push_back(read->found_at);
  } else if (const auto* const found = std::get_if<AwaitFileSearch::Reply>(&*outcome)) {
    for (const FileMatch& match : found->matches)
      files.push_back(match.path);
  } else if (const auto* const diff = std::get_if<AwaitGitDiff::Reply>(&*outcome)) {
    for (const GitFileDiff& file : diff->files)
      files.insert(files.end(), {file.path, file.from});
  }
  return files;
}

bool reads_secret(const TaskCommand& command, const Result<Reply>& outcome,
                  std::span<const std::string> secret_files) {
  const auto is_meant = [&](std::string_view path) { return is_secret(path, secret_files); };
  if (const auto* const program = std::get_if<AwaitProcess>(&command)) {
    return std::ranges::any_of(program->argv, [&](const std::string& word) {
      return names_secret(word, secret_files) || is_meant(program->cwd + "/" + word);
    });
  }
  const auto* const skill = std::get_if<AwaitSkill>(&command);
  if (skill != nullptr && is_meant(skill->file)) return true;
  const bool blind =
      std::visit([]<class Command>(const Command&) { return Blind<Command>; }, command);
  return std::ranges::any_of(files_shown(outcome), is_meant) ||
         (!blind && std::ranges::any_of(paths_of(command), is_meant));
}

void take_in_parts(Taint& taint, const Together& together, const Result<Reply>& outcome,
                   std::span<const std::string> secret_files) {
  const auto* const reply = outcome ? std::get_if<Together::Reply>(&*outcome) : nullptr;
  if (reply == nullptr) return;  // none of them was done
  const std::size_t parts = std::min(together.parts.size(), reply->parts.size());
  for (std::size_t i = 0; i < parts; ++i) {
    const PartCommand& part = together.parts[i];
    const Result<TaskCommand> command = pure_command(part.name, part.arguments);
    if (!command) continue;  // refused as well
    take_in(taint, *command, outcome_of_part(*command, reply->parts[i]), secret_files);
  }
}

}  // namespace

void take_in(Taint& taint, const TaskCommand& command, const Result<Reply>& outcome,
             std::span<const std::string> secret_files) {
  if (const auto* const together = std::get_if<Together>(&command)) {
    take_in_parts(taint, *together, outcome, secret_files);
    return;
  }
  taint.model |= std::holds_alternative<AwaitLLMResponse>(command);
  taint.outside |= brings_words(command, outcome);
  taint.secrets |= is_told_secret(outcome) || reads_secret(command, outcome, secret_files);
}

bool reaches_out(const TaskCommand& command, const Facts& facts) {
  if (std::holds_alternative<AwaitGitPush>(command)) return true;
  return !std::holds_alternative<AwaitLLMResponse>(command) &&
         (!facts.host.empty() || facts.sandbox == kNoSandbox);
}

std::vector<std::string> usual_secret_files() {
  return {"**/.env",
          "**/.env.local",
          "**/.env.*.local",
          "**/.env.production",
          "**/.netrc",
          "**/.npmrc",
          "**/.pypirc",
          "**/.git-credentials",
          "**/.aws/**",
          "**/.ssh/**",
          "**/.kube/**",
          "**/.gnupg/**",
          "**/id_rsa",
          "**/id_ecdsa",
          "**/id_ed25519",
          "**/*.pem",
          "**/*.key",
          "**/*.p12",
          "**/*.pfx",
          "**/*.kdbx",
          "**/credentials.json",
          "**/secrets.*"};
}

}  // namespace tinkerbell
