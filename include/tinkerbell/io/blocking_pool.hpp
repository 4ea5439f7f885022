#pragma once

#include "tinkerbell/base/completion.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace tinkerbell {

/// A few threads for what blocks: files, hashing, name resolution. Made and used on the loop
/// thread. Destroyed, it waits for the work under way; answers that arrive afterwards are dropped
/// with their completion.
class BlockingPool {
 public:
  BlockingPool(boost::asio::any_io_executor loop, std::size_t threads)
      : loop_(std::move(loop)), threads_(threads) {}

  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  ~BlockingPool() { threads_.join(); }

  /// Runs `work` on a pool thread and gives its result to `done` on the loop thread.
  template <class T>
  void run(std::move_only_function<Result<T>()> work, Completion<T> done) {
    boost::asio::post(
        threads_, [loop = loop_, work = std::move(work), done = std::move(done)]() mutable {
          auto result = std::make_unique<Result<T>>(work());
          boost::asio::post(loop, [result = std::move(result), done = std::move(done)]() mutable {
            done(std::move(*result));
          });
        });
  }

 private:
  boost::asio::any_io_executor loop_;
  boost::asio::thread_pool threads_;
};

}  // namespace tinkerbell
