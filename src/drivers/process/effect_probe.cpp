#include "drivers/process/effect_probe.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace tinkerbell {

namespace {

constexpr std::string_view kArguments = "{arguments}";
/// What is kept of a probe's words, and what of that a person is shown.
constexpr std::uint64_t kWordsBytesMax = 4 << 10;
constexpr std::size_t kEvidenceBytesMax = 600;

/// Each `git commit` writes its idempotency key into the reflog of HEAD (environment.cpp). Git does
/// not sync the reflog: where HEAD is not what the reflog says last, the rest of it may be lost.
constexpr std::string_view kCommitScript = R"(git rev-parse --git-dir >/dev/null || exit 2
log() { git log --walk-reflogs --max-count=1 --format=%H "$@" HEAD --; }
if ! head=$(git rev-parse --quiet --verify HEAD); then
  git reflog exists HEAD && { echo 'HEAD is no commit, though it was one'; exit 2; }
  echo 'there is no commit yet'; exit 1
fi
found=$(log --grep-reflog="$TINKERBELL_IDEMPOTENCY_KEY") && newest=$(log) || exit 2
[ -n "$found" ] && { echo "the reflog has this step, as commit $found"; exit 0; }
[ "$newest" = "$head" ] || { echo "HEAD is $head, and the reflog does not say since when"; exit 2; }
echo "HEAD is $head, and the reflog does not have this step"; exit 1)";

/// Git itself compares what would be pushed with what the remote has. What would be overwritten or
/// removed there may be the work of others that came after ours: then a person must look.
constexpr std::string_view kPushScript = R"(for each in "$@"; do
  case $each in --no-d*) echo 'it may undo --dry-run'; exit 2;; esac
done
said=$(git push --dry-run --porcelain --no-verify "$@"); went=$?
printf '%s\n' "$said"
[ $went = 0 ] || exit 2
tab=$(printf '\t')
case "
$said" in
  *"
+$tab"* | *"
-$tab"* | *"
!$tab"*) exit 2;;
  *"
 $tab"* | *"
*$tab"*) exit 1;;
  *"
=$tab"*) exit 0;;
esac
exit 2)";

ProbeRecipe script_recipe(std::string name, std::vector<std::string> command,
                          std::string_view script) {
  return {.name = name,
          .command = std::move(command),
          .argv = {"sh", "-c", std::string(script), name, std::string(kArguments)}};
}

const std::array<ProbeRecipe, 2>& built_in_recipes() {
  static const std::array recipes{script_recipe("git commit", {"git", "commit"}, kCommitScript),
                                  script_recipe("git push", {"git", "push"}, kPushScript)};
  return recipes;
}

const ProbeRecipe* first_for(const AwaitProcess& command, std::span<const ProbeRecipe> recipes) {
  const auto found = std::ranges::find_if(recipes, [&](const ProbeRecipe& recipe) {
    return std::ranges::mismatch(recipe.command, command.argv).in1 == recipe.command.end();
  });
  return found == recipes.end() ? nullptr : &*found;
}

std::string in_words(const Result<AwaitProcess::Reply>& outcome) {
  if (!outcome) return outcome.error().message;
  std::string words = outcome->timed_out ? std::string("no answer in time")
                                         : "exit " + std::to_string(outcome->exit_code);
  if (!outcome->output.empty()) words += ": " + outcome->output;
  while (words.ends_with('\n'))
    words.pop_back();
  return shortened(visible_line(words), kEvidenceBytesMax);
}

Happened meaning_of(const Result<AwaitProcess::Reply>& outcome) {
  if (!outcome || outcome->timed_out) return Happened::unknown;
  if (outcome->exit_code == 0) return Happened::yes;
  return outcome->exit_code == 1 ? Happened::no : Happened::unknown;
}

}  // namespace

const ProbeRecipe* recipe_for(const AwaitProcess& command, std::span<const ProbeRecipe> recipes) {
  const ProbeRecipe* const own = first_for(command, recipes);
  return own != nullptr ? own : first_for(command, built_in_recipes());
}

AwaitProcess probe_of(const ProbeRecipe& recipe, const AwaitProcess& command) {
  AwaitProcess probe{.argv = {},
                     .cwd = command.cwd,
                     .env = command.env,
                     .timeout = recipe.timeout,
                     .output_bytes_max = kWordsBytesMax};
  for (const std::string& word : recipe.argv) {
    if (word != kArguments) {
      probe.argv.push_back(word);
    } else {
      probe.argv.insert(probe.argv.end(),
                        command.argv.begin() + static_cast<std::ptrdiff_t>(recipe.command.size()),
                        command.argv.end());
    }
  }
  return probe;
}

Finding finding_of(const ProbeRecipe& recipe, const Result<AwaitProcess::Reply>& outcome) {
  constexpr std::array<std::string_view, 3> kSays = {"it happened", "it did not happen",
                                                     "it cannot tell"};
  const Happened happened = meaning_of(outcome);
  return {happened, "the probe \"" + recipe.name + "\" says that " +
                        std::string(kSays[static_cast<std::size_t>(happened)]) + " (" +
                        in_words(outcome) + ")"};
}

}  // namespace tinkerbell
