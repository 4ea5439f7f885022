#include "tinkerbell/protocol/draft.hpp"

#include "tinkerbell/protocol/task.hpp"

#include <algorithm>

namespace tinkerbell::protocol {

Result<void> check(const AcceptRequest& request) {
  if (request.paths.size() > AcceptRequest::kPathsMax) {
    return Error{Errc::too_large,
                 "more than " + std::to_string(AcceptRequest::kPathsMax) + " paths"};
  }
  const bool fit = std::ranges::all_of(request.paths, [](const std::string& path) {
    return !path.empty() && path.size() <= SubmitRequest::kPathBytesMax;
  });
  if (!fit) return Error{Errc::invalid, "paths: one is empty or too long"};
  return {};
}

Result<void> check(const ForkRequest& request) {
  if (!request.at) return Error{Errc::invalid, "at: after which step?"};
  if (request.say.size() <= ForkRequest::kSayBytesMax) return {};
  return Error{Errc::too_large,
               "say: longer than " + std::to_string(ForkRequest::kSayBytesMax) + " bytes"};
}

}  // namespace tinkerbell::protocol
