#include "daemon/options.hpp"

#include "tinkerbell/base/version.hpp"

#include <CLI/CLI.hpp>
#include <sysexits.h>

#include <iostream>

namespace tinkerbell {

ParsedOptions parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app{"Tinkerbell: runs LLM agents the way an operating system runs processes.",
               "tinkerbelld"};
  app.set_version_flag("--version", "tinkerbelld " + std::string(kBuildVersion));
  app.add_option(
      "--config", options.config_file,
      "Config file (default: /etc/tinkerbell/tinkerbell.toml, or below XDG_CONFIG_HOME)");
  app.add_option("--state-dir", options.state_dir,
                 "Where the journal lives (overrides the config)");
  app.add_option("--socket", options.socket, "Control socket (overrides the config)");
  app.add_flag("--check-config", options.check_config,
               "Read the config, say whether it is good, and end");
  app.add_flag("--accept-rollback", options.accept_rollback,
               "Go on with a journal that is not as it was: older, another one, or its key lost");
  DebugOptions looked_at;
  CLI::App* const debug = app.add_subcommand(
      "debug", "Run the tasks of a core file again, step by step, and end: no daemon is started");
  debug->add_option("FILE", looked_at.file, "What `tinkerbell core` wrote")->required();
  debug->add_option("--task", looked_at.task, "Another task of the family")
      ->check(CLI::PositiveNumber.description(""));
  debug->add_option("--step", looked_at.step, "Show this step, and take no commands")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{UINT32_MAX}).description(""));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return {.options = std::nullopt, .exit_code = code == 0 ? 0 : EX_USAGE};
  }
  if (debug->parsed()) options.debug = looked_at;
  return {.options = options, .exit_code = 0};
}

}  // namespace tinkerbell
