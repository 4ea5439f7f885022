#include "drivers/process/environment.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>

namespace tinkerbell {

namespace {

/// A sorted list, so that it is read and searched easily.
constexpr std::array<std::string_view, 51> kLoadingNames = {"BASHOPTS",
                                                            "BASH_ENV",
                                                            "BROWSER",
                                                            "CLASSPATH",
                                                            "EDITOR",
                                                            "ENV",
                                                            "GCONV_PATH",
                                                            "GEM_HOME",
                                                            "GEM_PATH",
                                                            "HOSTALIASES",
                                                            "IFS",
                                                            "JAVA_TOOL_OPTIONS",
                                                            "JDK_JAVA_OPTIONS",
                                                            "LESSCLOSE",
                                                            "LESSOPEN",
                                                            "LOCPATH",
                                                            "LUA_CPATH",
                                                            "LUA_INIT",
                                                            "LUA_PATH",
                                                            "MAKEFILES",
                                                            "MAKEFLAGS",
                                                            "MANPAGER",
                                                            "NLSPATH",
                                                            "NODE_OPTIONS",
                                                            "NODE_PATH",
                                                            "OPENSSL_CONF",
                                                            "OPENSSL_ENGINES",
                                                            "OPENSSL_MODULES",
                                                            "PAGER",
                                                            "PATH",
                                                            "PERLLIB",
                                                            "PERL_MB_OPT",
                                                            "PERL_MM_OPT",
                                                            "PHPRC",
                                                            "PHP_INI_SCAN_DIR",
                                                            "PROMPT_COMMAND",
                                                            "PS4",
                                                            "PYTHONBREAKPOINT",
                                                            "PYTHONHOME",
                                                            "PYTHONINSPECT",
                                                            "PYTHONPATH",
                                                            "PYTHONSTARTUP",
                                                            "PYTHONUSERBASE",
                                                            "RES_OPTIONS",
                                                            "RUBYLIB",
                                                            "RUBYOPT",
                                                            "SHELL",
                                                            "SHELLOPTS",
                                                            "TERMINFO",
                                                            "VISUAL",
                                                            "_JAVA_OPTIONS"};
static_assert(std::ranges::is_sorted(kLoadingNames));

constexpr std::array<std::string_view, 7> kLoadingPrefixes = {
    "BASH_FUNC_", "GIT_", "GLIBC_", "LD_", "PERL5", "SSH_", "TINKERBELL_"};

/// Who commits and when loads nothing.
constexpr std::array<std::string_view, 2> kHarmlessPrefixes = {"GIT_AUTHOR_", "GIT_COMMITTER_"};

bool starts_with_any(std::string_view name, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool loads_code(std::string_view name) {
  if (starts_with_any(name, kHarmlessPrefixes)) return false;
  return std::ranges::binary_search(kLoadingNames, name) || starts_with_any(name, kLoadingPrefixes);
}

bool is_git_commit(const std::vector<std::string>& argv) {
  return argv.size() >= 2 && argv[0] == "git" && argv[1] == "commit";
}

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

Result<void> check_environment(const Environment& wanted) {
  for (const auto& [name, value] : wanted) {
    const std::string shown = "environment variable " + visible_line(name);
    if (!is_name(name)) return Error{Errc::invalid, shown + ": not a name"};
    if (loads_code(name)) {
      return Error{Errc::denied, shown + ": it makes programs load code or settings"};
    }
    if (valid_utf8(value) != value) return Error{Errc::invalid, shown + ": not plain UTF-8"};
  }
  return {};
}

Environment program_environment(const AwaitProcess& command, const std::string& key,
                                const std::string& workspace, const std::string& home,
                                const ProcessSettings& settings) {
  Environment environment = {
      {"PATH", std::string(kProgramPath)},
      {"HOME", home},
      {"TMPDIR", home},
      {"LANG", "C.UTF-8"},
      {"TERM", "dumb"},
      {"USER", "tinkerbell"},
      {std::string(kKeyVariable), key},
      {"GIT_AUTHOR_NAME", settings.author},
      {"GIT_AUTHOR_EMAIL", settings.author_email},
      {"GIT_COMMITTER_NAME", settings.author},
      {"GIT_COMMITTER_EMAIL", settings.author_email},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"GIT_CONFIG_GLOBAL", "/dev/null"},
      // The sandbox maps one user: a workspace of anybody else would be refused as "dubious". And
      // no program that a repository names is to watch its files: most commands would run it first.
      {"GIT_CONFIG_COUNT", "2"},
      {"GIT_CONFIG_KEY_0", "safe.directory"},
      {"GIT_CONFIG_VALUE_0", workspace},
      {"GIT_CONFIG_KEY_1", "core.fsmonitor"},
      {"GIT_CONFIG_VALUE_1", "false"},
  };
  // The reflog says then which commit was this one's, for the probe. For no other program: what git
  // itself reads there (where `git checkout -` leads) must stay as it is.
  if (is_git_commit(command.argv)) environment["GIT_REFLOG_ACTION"] = "commit (" + key + ")";
  for (const auto& [name, value] : command.env)
    environment[name] = value;
  return environment;
}

}  // namespace tinkerbell
