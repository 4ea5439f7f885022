#include "syscall/stations.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tinkerbell {

namespace {

/// What was said up to here. In replay that is what the task heard here before: not what came when
/// it had already asked.
Hear::Reply hear(LiveTask& live) {
  Hear::Reply heard;
  const auto is_due = [&](const Words& words) {
    return std::tuple(words.said.seq, words.said.unrecorded) <=
           std::tuple(live.last_seq, live.unrecorded);
  };
  while (!live.words.empty() && is_due(live.words.front())) {
    heard.words.push_back(std::move(live.words.front().said.text));
    live.last_result = std::max(live.last_result, live.words.front().lsn);
    live.words.pop_front();
  }
  return heard;
}

Reply answer_to(LiveTask& live, const TaskCommand& command) {
  if (std::holds_alternative<GetTid>(command)) return GetTid::Reply{live.head.task};
  if (std::holds_alternative<Hear>(command)) return hear(live);
  return Yield::Reply{};
}

}  // namespace

Reply answer_unrecorded(LiveTask& live, const TaskCommand& command) {
  Reply answer = answer_to(live, command);
  ++live.unrecorded;
  return answer;
}

}  // namespace tinkerbell
