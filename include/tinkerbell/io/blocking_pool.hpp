#pragma once

#include "tinkerbell/base/completion.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <utility>

namespace tinkerbell {

/// A few threads for what blocks: files, hashing, names. Made and used on the loop
/// thread. Destroyed, it waits for the work under way and begins no other; whoever waits for that,
/// or for an answer that arrives afterwards, gets Errc::abandoned.
class BlockingPool {
 public:
  BlockingPool(boost::asio::any_io_executor loop, std::size_t threads)
      : loop_(std::move(loop)), threads_(threads) {}

  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  ~BlockingPool() {
    threads_.stop();
    threads_.join();
  }

  /// Runs `work` on a pool thread and gives its result to `done` on the loop thread. What it throws
  /// (libraries do, where memory is exhausted) is Errc::internal: one piece of work fails, not the
  /// daemon.
  template <class T>
  void run(std::move_only_function<Result<T>()> work, Completion<T> done) {
    boost::asio::post(
        threads_, [loop = loop_, work = std::move(work), done = std::move(done)]() mutable {
          auto result = std::make_unique<Result<T>>(outcome_of(work));
          boost::asio::post(loop, [result = std::move(result), done = std::move(done)]() mutable {
            done(std::move(*result));
          });
        });
  }

 private:
  template <class T>
  static Result<T> outcome_of(std::move_only_function<Result<T>()>& work) {
    try {
      return work();
    } catch (const std::exception& failure) {
      return Error{Errc::internal, failure.what()};
    }
  }

  boost::asio::any_io_executor loop_;
  boost::asio::thread_pool threads_;
};

}  // namespace tinkerbell
