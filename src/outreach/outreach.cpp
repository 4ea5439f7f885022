#include "tinkerbell/outreach/outreach.hpp"

#include "outreach/program_line.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::size_t kAskedAtOnce = 16;
constexpr std::size_t kAskedWaitingMax = 10'000;

std::unique_ptr<ProgramLine> line_of(const boost::asio::any_io_executor& loop,
                                     LineSettings settings) {
  if (settings.argv.empty()) return nullptr;
  return std::make_unique<ProgramLine>(loop, std::move(settings));
}

/// What an event is to a person who is away, if it is anything.
std::optional<Occasion> occasion_of(const protocol::EventView& event) {
  if (event.name == protocol::event_name::kApprovalOpened) return Occasion::question;
  if (event.name == protocol::event_name::kTaskEnded) {
    return event.data.value("state", "") == "failed" ? std::optional(Occasion::failed)
                                                     : std::nullopt;
  }
  if (event.name == protocol::event_name::kTaskState && event.data.value("wants_budget", false)) {
    return Occasion::budget;
  }
  return std::nullopt;
}

std::string as_input(const Json& view) {
  return dump_json(view) + "\n";
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == text.npos;
}

std::string displayed(ApprovalId id) {
  return "a" + std::to_string(number(id));
}

}  // namespace

Result<protocol::DecisionRequest> decision_in(std::string_view output,
                                              const protocol::ApprovalView& approval) {
  if (is_blank(output)) return Error{Errc::not_found, "it said nothing"};
  const Result<Json> json = parse_json(output);
  if (!json) return json.error();
  Result<protocol::DecisionRequest> request =
      from_json_value<protocol::DecisionRequest>(*json, UnknownKeys::reject);
  if (!request) return request;
  if (Result<void> fits = check(*request); !fits) return fits.error();
  if (request->hash != approval.hash) {
    return Error{Errc::conflict, "its answer is not bound to the hash of the question"};
  }
  return request;
}

Outreach::Outreach(const boost::asio::any_io_executor& loop, OutreachSettings settings,
                   Logger& logger, Decide decide)
    : settings_(std::move(settings)),
      logger_(logger),
      decide_(std::move(decide)),
      notify_(line_of(
          loop,
          {.argv = settings_.notify, .timeout = settings_.notify_timeout, .output_bytes_max = 0})),
      ask_(line_of(loop, {.argv = settings_.ask,
                          .timeout = settings_.ask_timeout,
                          .at_once = kAskedAtOnce,
                          .waiting_max = kAskedWaitingMax})) {}

Outreach::~Outreach() = default;

void Outreach::tell(const protocol::EventView& event) {
  if (event.name == protocol::event_name::kApprovalDecided) return decided(event.data);
  const std::optional<Occasion> occasion = occasion_of(event);
  if (!occasion) return;
  notify(*occasion, event.data);
  if (*occasion != Occasion::question || !asks()) return;
  if (const auto approval = from_json_value<protocol::ApprovalView>(event.data)) ask(*approval);
}

void Outreach::notify(Occasion occasion, const Json& view) {
  if (notify_ == nullptr || std::ranges::find(settings_.on, occasion) == settings_.on.end()) return;
  const std::string name(name_of(occasion));
  notify_->run(
      name, as_input(view), Completion<std::string>([this, name](const Result<std::string>& told) {
        if (told || told.error().code == Errc::abandoned) return;
        logger_.warn("notify.failed", {{"occasion", name}, {"error", told.error().message}});
      }));
}

void Outreach::ask(const protocol::ApprovalView& approval) {
  if (ask_ == nullptr || asked_.contains(approval.id)) return;
  asked_[approval.id] = 0;  // it may be answered at once: the line is full
  const std::uint64_t run =
      ask_->run(std::string(name_of(Occasion::question)), as_input(to_json_value(approval)),
                Completion<std::string>([this, approval](Result<std::string> said) {
                  answered(approval, std::move(said));
                }));
  if (const auto asked = asked_.find(approval.id); asked != asked_.end()) asked->second = run;
}

void Outreach::answered(const protocol::ApprovalView& approval, Result<std::string> said) {
  asked_.erase(approval.id);
  if (!said && said.error().code == Errc::abandoned) return;
  const auto no_answer = [this, id = approval.id](const Error& error) {
    logger_.warn("ask.no_answer", {{"approval", displayed(id)}, {"error", error.message}});
  };
  if (!said) return no_answer(said.error());
  const Result<protocol::DecisionRequest> request = decision_in(*said, approval);
  if (!request) return no_answer(request.error());
  decide_(approval.id, *request, "program " + settings_.ask.front(),
          Completion<void>([no_answer](const Result<void>& taken) {
            if (!taken && taken.error().code != Errc::abandoned) no_answer(taken.error());
          }));
}

/// Somebody was faster, or it was answered by this very program.
void Outreach::decided(const Json& decision) {
  const auto view = from_json_value<protocol::DecisionView>(decision);
  if (!view) return;
  const auto asked = asked_.find(view->id);
  if (asked == asked_.end() || ask_ == nullptr) return;
  ask_->end(asked->second);
}

}  // namespace tinkerbell
