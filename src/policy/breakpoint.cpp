#include "tinkerbell/policy/breakpoint.hpp"

#include "policy/glob.hpp"
#include "policy/match.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <vector>

namespace tinkerbell {

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == text.npos) return words;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Error fault(const std::string& what) {
  return {Errc::invalid, "breakpoint: " + what};
}

/// Takes one word into the conditions so far.
Result<void> add_word(Breakpoint& so_far, const std::string& word) {
  Rule& rule = so_far.rule;
  const std::size_t sign = word.find('=');
  const std::string key = sign == word.npos ? "" : word.substr(0, sign);
  const std::string value = word.substr(sign == word.npos ? 0 : sign + 1);
  if (value.empty()) return fault(key + "= is not followed by what to look for");
  if (key == "program" && rule.argv.empty()) {
    rule.argv.push_back({value});
  } else if (key == "path") {
    rule.paths.push_back(value);
  } else if (key == "host" && so_far.host.empty()) {
    so_far.host = value;
  } else if (!rule.argv.empty()) {
    rule.argv.back().push_back(word);
  } else if (names_a_command(word)) {
    rule.commands.push_back(word);
  } else {
    return fault("\"" + visible_line(word) +
                 "\" is neither the name of a command (file.write, process.*) nor program=, path= "
                 "or host=");
  }
  return {};
}

/// A file command runs no program, and neither talks to a host.
Result<void> check_together(const Breakpoint& breakpoint) {
  const int kinds = static_cast<int>(!breakpoint.rule.paths.empty()) +
                    static_cast<int>(!breakpoint.rule.argv.empty()) +
                    static_cast<int>(!breakpoint.host.empty());
  if (kinds > 1) return fault("no command has more than one of program, path and host");
  if (!breakpoint.rule.argv.empty()) {
    if (const std::string_view wrong = fault_of_prefix(breakpoint.rule.argv.front());
        !wrong.empty()) {
      return fault("program= " + std::string(wrong));
    }
  }
  return {};
}

}  // namespace

Result<Breakpoint> breakpoint_from(std::string_view pattern) {
  if (pattern.size() > Breakpoint::kPatternBytesMax) {
    return Error{Errc::too_large, "breakpoint: a pattern has at most " +
                                      std::to_string(Breakpoint::kPatternBytesMax) + " bytes"};
  }
  const std::vector<std::string> words = words_of(pattern);
  if (words.empty()) return fault("the pattern is empty");
  Breakpoint breakpoint{.pattern = std::string(pattern)};
  breakpoint.rule.decision = Decision::deny;  // of several names any counts
  for (const std::string& word : words) {
    if (Result<void> added = add_word(breakpoint, word); !added) return added.error();
  }
  if (Result<void> good = check_together(breakpoint); !good) return good.error();
  return breakpoint;
}

namespace {

/// Whether one of its parts, as it is written, would be stopped at.
bool stops_before_part(const Breakpoint& breakpoint, const Together& together) {
  return std::ranges::any_of(together.parts, [&](const PartCommand& part) {
    const Result<TaskCommand> command = pure_command(part.name, part.arguments);
    return command && !std::holds_alternative<Together>(*command) &&
           stops_before(breakpoint, *command, {});
  });
}

}  // namespace

bool stops_before(const Breakpoint& breakpoint, const TaskCommand& command, const Facts& facts) {
  const auto* const together = std::get_if<Together>(&command);
  if (together != nullptr && stops_before_part(breakpoint, *together)) return true;
  const auto is_meant = [&](const std::string& host) {
    return glob_matches(breakpoint.host, host);
  };
  const bool about_host = !breakpoint.host.empty();
  if (about_host && std::ranges::none_of(words_of(facts.host), is_meant)) return false;
  return matches(breakpoint.rule, command, facts);
}

}  // namespace tinkerbell
