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
  /// Runs a function on the loop thread, from any thread.
  using Post = std::function<void(std::move_only_function<void()>)>;

  BlockingPool(Post post, std::size_t threads) : post_(std::move(post)), threads_(threads) {}

  BlockingPool(boost::asio::any_io_executor loop, std::size_t threads)
      : BlockingPool(
            [loop = std::move(loop)](std::move_only_function<void()> work) {
              boost::asio::post(loop, std::move(work));
            },
            threads) {}

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
    boost::asio::post(threads_, [this, work = std::move(work), done = std::move(done)]() mutable {
      auto result = std::make_unique<Result<T>>(outcome_of(work));
      post_([result = std::move(result), done = std::move(done)]() mutable {
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

  Post post_;
  boost::asio::thread_pool threads_;
};

}  // namespace tinkerbell
