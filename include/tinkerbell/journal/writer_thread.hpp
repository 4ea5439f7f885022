#pragma once

#include "tinkerbell/journal/journal.hpp"

#include <thread>

namespace tinkerbell {

/// The writer of a journal as a thread of its own, from construction to destruction.
class WriterThread {
 public:
  explicit WriterThread(Journal& journal);
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  /// Writes what is queued, then ends.
  ~WriterThread();

 private:
  void write_until_ended();

  Journal& journal_;
  std::thread thread_;
};

}  // namespace tinkerbell
