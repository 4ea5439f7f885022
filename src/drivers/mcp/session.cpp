#include "drivers/mcp/session.hpp"

#include "tinkerbell/base/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kLineBytesMax = 4 << 20;
constexpr std::size_t kUnsentBytesMax = 16 << 20;
constexpr std::size_t kComplaintBytesMax = 4 << 10;
constexpr std::size_t kComplaintsMax = 200;
constexpr Milliseconds kListedFor{300'000};  // where the server does not say

using Failure = boost::system::error_code;

}  // namespace

Session::Session(asio::any_io_executor loop, BlockingPool& pool, Logger& logger,
                 const McpSettings& settings, const McpServer& server, SessionKey key,
                 std::string nonce, Ended ended)
    : loop_(std::move(loop)),
      pool_(pool),
      logger_(logger),
      settings_(settings),
      server_(server),
      key_(std::move(key)),
      ended_(std::move(ended)),
      client_({.send = [this](std::string line) { send(std::move(line)); },
               .tell = [this](std::string_view what) { complain(what); },
               .settled = [this] { discovery_.cancel(); },
               .nonce = std::move(nonce)}),
      lines_(kLineBytesMax),
      complaint_lines_(kComplaintBytesMax),
      discovery_(loop_),
      list_timer_(loop_),
      idle_(loop_) {}

void Session::start() {
  client_.begin();
  launch();
}

void Session::launch() {
  pool_.run<ServerProcess>(
      [program = server_.program, key = key_, process = settings_.process] {
        return start_server(program, key.workspace, key.draft, process);
      },
      Completion<ServerProcess>([self = weak_from_this()](Result<ServerProcess> process) {
        if (const auto session = self.lock()) {
          session->started(std::move(process));
        } else if (process) {
          end_server(process->shim.get());
        }
      }));
}

void Session::started(Result<ServerProcess> process) {
  if (over_) {
    if (process) end_server(process->shim.get());
    return;
  }
  if (!process) return end(process.error(), /*crashed=*/true);
  logger_.info("mcp.started", {{"server", key_.server}, {"workspace", key_.workspace}});
  lines_ = LineReader(kLineBytesMax);
  const auto stream = [this](UniqueFd& fd) { return Stream(loop_, fd.release()); };
  pipes_ = std::make_shared<Pipes>(Pipes{.shim = stream(process->shim),
                                         .input = stream(process->input),
                                         .output = stream(process->output),
                                         .complaints = stream(process->complaints)});
  watch();
  read();
  read_complaints();
  write();
  discovery_.expires_after(settings_.discovery);
  discovery_.async_wait([self = weak_from_this()](const Failure& failed) {
    const auto session = self.lock();
    if (session && !failed) session->client_.discovery_timed_out();
  });
}

void Session::watch() {
  pipes_->shim.async_wait(Stream::wait_read,
                          [self = weak_from_this(), pipes = pipes_](const Failure& failed) {
                            if (failed) return;
                            const bool ended = reap_server(pipes->shim.native_handle());
                            const auto session = self.lock();
                            if (!session || session->pipes_ != pipes) return;
                            // An event may be that of a closed descriptor (see ProcessDriver).
                            ended ? session->process_ended() : session->watch();
                          });
}

void Session::read() {
  pipes_->output.async_read_some(
      asio::buffer(pipes_->buffer),
      [self = shared_from_this(), pipes = pipes_](const Failure& failed, std::size_t count) {
        if (failed || self->pipes_ != pipes) return;  // its end is seen by its shim
        const Result<void> taken =
            self->lines_.feed({pipes->buffer.data(), count}, [&](std::string_view line) {
              return self->over_ ? Result<void>() : self->client_.take(line);
            });
        if (!taken) return self->end(taken.error(), /*crashed=*/true);
        if (!self->over_) self->read();
      });
}

void Session::read_complaints() {
  pipes_->complaints.async_read_some(
      asio::buffer(pipes_->words),
      [self = shared_from_this(), pipes = pipes_](const Failure& failed, std::size_t count) {
        if (failed || self->pipes_ != pipes) return;
        const Result<void> taken =
            self->complaint_lines_.feed({pipes->words.data(), count}, [&](std::string_view line) {
              self->complain(line);
              return Result<void>();
            });
        if (!taken) {
          self->complain("(a line that is too long)");
          self->complaint_lines_ = LineReader(kComplaintBytesMax);
        }
        self->read_complaints();
      });
}

void Session::complain(std::string_view words) {
  if (++complaints_ > kComplaintsMax) return;
  logger_.info("mcp.says", {{"server", key_.server}, {"text", visible_line(words)}});
  if (complaints_ == kComplaintsMax) {
    logger_.info("mcp.says", {{"server", key_.server}, {"text", "(the rest is not logged)"}});
  }
}

void Session::send(std::string line) {
  if (over_) return;
  line += '\n';
  out_bytes_ += line.size();
  out_.push_back(std::move(line));
  if (out_bytes_ > kUnsentBytesMax) {
    // Not from within the client.
    asio::post(loop_, [self = weak_from_this()] {
      if (const auto session = self.lock()) {
        session->end({Errc::protocol, "the server does not read what it is sent"}, true);
      }
    });
    return;
  }
  write();
}

void Session::write() {
  if (writing_ || out_.empty() || !pipes_ || over_) return;
  writing_ = true;
  asio::async_write(
      pipes_->input, asio::buffer(out_.front()),
      [self = shared_from_this(), pipes = pipes_](const Failure& failed, std::size_t /*count*/) {
        if (self->pipes_ != pipes) return;
        self->writing_ = false;
        if (failed || self->over_) return;  // its end is seen by its shim
        self->out_bytes_ -= self->out_.front().size();
        self->out_.pop_front();
        self->write();
      });
}

/// Some servers of old end when they meet a request that they do not know before initialize.
void Session::process_ended() {
  if (over_) return;
  const bool discovering = client_.era() == mcp::Era::unknown && !client_.failure();
  if (!discovering || std::exchange(began_of_old_, true)) {
    return end({Errc::unavailable, "the server " + key_.server + " ended by itself"}, true);
  }
  pipes_.reset();
  writing_ = false;
  out_.clear();
  out_bytes_ = 0;
  client_.discovery_timed_out();
  launch();
}

void Session::list(bool anew, Completion<mcp::ToolList> done) {
  idle_.cancel();
  if (!anew && tools_ && !client_.tools_changed() && steady_now() < tools_until_) {
    done(*tools_);
    return rest();
  }
  wait_for_list_.push_back(std::move(done));
  if (std::exchange(listing_, true)) return;
  list_timer_.expires_after(server_.timeout);
  list_timer_.async_wait([self = weak_from_this()](const Failure& failed) {
    const auto session = self.lock();
    if (session && !failed && session->listing_) {
      session->end({Errc::timed_out, "the server " + session->key_.server + " does not answer"},
                   true);
    }
  });
  client_.list_tools(
      Completion<mcp::ToolList>([self = weak_from_this()](Result<mcp::ToolList> list) {
        if (const auto session = self.lock()) session->listed(std::move(list));
      }));
}

void Session::listed(Result<mcp::ToolList> list) {
  listing_ = false;
  list_timer_.cancel();
  if (list) {
    tools_ = *list;
    tools_until_ = later(steady_now(), list->ttl.value_or(kListedFor));
  }
  for (Completion<mcp::ToolList>& each : std::exchange(wait_for_list_, {}))
    each(list);
  rest();
}

mcp::Client::RequestId Session::call(mcp::Client::Call call, Completion<mcp::CallResult> done) {
  idle_.cancel();
  const auto timer = std::make_shared<asio::steady_timer>(loop_, server_.timeout);
  const mcp::Client::RequestId id = client_.call(
      std::move(call),
      Completion<mcp::CallResult>([self = weak_from_this(), timer,
                                   done = std::move(done)](Result<mcp::CallResult> result) mutable {
        timer->cancel();
        done(std::move(result));
        if (const auto session = self.lock()) session->rest();
      }));
  timer->async_wait([self = weak_from_this(), id](const Failure& failed) {
    const auto session = self.lock();
    if (!session || failed) return;
    const std::string words = "the server " + session->key_.server + " said nothing in " +
                              std::to_string(session->server_.timeout.count()) + " ms";
    session->client_.give_up(id, {Errc::unknown_outcome, words}, {Errc::timed_out, words});
  });
  return id;
}

void Session::rest() {
  if (over_ || !is_idle()) return;
  idle_.expires_after(settings_.idle);
  idle_.async_wait([self = weak_from_this()](const Failure& failed) {
    const auto session = self.lock();
    if (session && !failed && session->is_idle()) {
      session->end({Errc::unavailable, "it was idle"}, /*crashed=*/false);
    }
  });
}

void Session::end(const Error& why, bool crashed) {
  if (std::exchange(over_, true)) return;
  const auto self = shared_from_this();
  logger_.info("mcp.ended", {{"server", key_.server}, {"reason", why.message}});
  discovery_.cancel();
  list_timer_.cancel();
  idle_.cancel();
  if (pipes_) {
    end_server(pipes_->shim.native_handle());
    pipes_->input.close();  // which most servers take as their end
  }
  if (ended_) ended_(crashed);
  client_.lost({Errc::unknown_outcome, why.message}, why);
}

}  // namespace tinkerbell
