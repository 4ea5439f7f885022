#pragma once

#include "support/scripted_llm.hpp"

#include "tinkerbell/base/json.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tinkerbell {

/// One answer of a model at work.
struct JobTurn {
  std::vector<std::string> expect;  ///< All of them stand in what came back of its last calls.
  std::string says;
  std::vector<LlmCall> calls;
  bool changes = false;  ///< By a program; what a tool does is known.
};

/// What a model does for a goal: the job's own, or that of a task that is started for a part of it.
struct JobPart {
  std::string goal;
  std::vector<JobTurn> turns;
};

/// A question that the task asks in words.
struct JobAnswer {
  std::string asks;  ///< Stands in the question.
  std::string answer;
};

/// What a server of the job answers.
struct JobPage {
  std::string request;  ///< The first words of what it is asked: "GET /orders".
  std::string body;
};

/// A piece of work over a small repository, and how it must end: a directory below tests/playbooks.
///
///     playbook.toml   all that is here
///     history         commits, as `git fast-import` reads them
///     before/         what is committed after them, as "Begin"
///     after/          the files that are new or others afterwards
///
/// playbook.toml, where `${host}` stands for the server that has the job's pages:
///
///     goal = "Make the tests pass."      # the model's turns are read from the front: one [[turn]]
///     check = "python3 -m unittest -q"   # a line of shell; fails before, succeeds afterwards
///     [[turn]]
///     expect = ["parse.py"]
///     says = "I read it."
///     changes = false                    # true: a program that it calls does the work
///     [[turn.call]]                      # the tool, and all else are its arguments
///     tool = "read_file"
///     path = "parse.py"
struct Job {
  std::string name;
  std::filesystem::path directory;
  std::vector<JobPart> parts;  ///< The job's own first.
  std::string check;           ///< Run by sh in the workspace.
  std::string config;          ///< Of the daemon; begins in [agent].
  bool yes = false;            ///< Its draft is accepted unasked.
  std::vector<JobAnswer> answers;
  std::vector<std::string> commits;     ///< That the log has, the newest first; empty: no new one.
  std::vector<std::string> removed;     ///< Paths that are gone.
  std::vector<std::string> named_anew;  ///< Directories of files whose names nobody can foresee.
  std::vector<JobPage> pages;           ///< In the order in which they are asked for.
};

/// The names of all there are.
[[nodiscard]] std::vector<std::string> job_names();

/// Throws on what is no playbook.
[[nodiscard]] Job load_job(const std::string& name);

/// The job without the last answer that changes anything.
[[nodiscard]] Job without_last_change(Job job);

/// The job with that in place of `${host}`.
[[nodiscard]] Job with_host(Job job, std::string_view host);

/// A model that does a job.
class JobModel {
 public:
  /// One that is not `strict` goes on whatever comes back.
  JobModel(Job job, bool strict) : job_(std::move(job)), strict_(strict) {}

  LlmReply operator()(const LlmRequest& request);

  /// What it was not told, and what it was asked beyond its turns.
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }

 private:
  [[nodiscard]] const JobPart& part_for(const LlmRequest& request) const;

  Job job_;
  bool strict_;
  std::vector<std::string> findings_;
};

}  // namespace tinkerbell
