#include "tinkerbell/journal/writer_thread.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace tinkerbell {

namespace {

/// Builds that tasks start would otherwise slow commits tenfold. Needs a privilege
/// (CAP_SYS_NICE or LimitNICE=); without it we go on as we are.
void raise_own_priority() {
  constexpr int kNice = -5;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

}  // namespace

WriterThread::WriterThread(Journal& journal)
    : journal_(journal), thread_([this] { write_until_ended(); }) {}

WriterThread::~WriterThread() {
  journal_.end_writing();
  thread_.join();
}

void WriterThread::write_until_ended() {
  raise_own_priority();
  SteadyTime renew_at = steady_now();
  while (journal_.wait_for_work(renew_at)) {
    journal_.write();
    if (steady_now() >= renew_at) renew_at = later(steady_now(), journal_.renew());
  }
}

}  // namespace tinkerbell
