// OpenMP's team, with annotations that let ThreadSanitizer see its fork and join (libgomp itself is
// not instrumented).
#include "temper/engine/tensor/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>

#if defined(__SANITIZE_THREAD__)
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#else
namespace {
void __tsan_acquire(void*) {}
void __tsan_release(void*) {}
}  // namespace
#endif

namespace temper::tensor {
namespace {

struct Call {
  int64_t count = 0, step = 0;
  void* context = nullptr;
  detail::Body body = nullptr;
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr fault;
  char fork = 0, join = 0;
};

void work(Call& call, int thread, int team) {
  try {
    if (call.step == 0) {
      const int64_t share = (call.count + team - 1) / team;
      const int64_t begin = thread * share, end = std::min(call.count, begin + share);
      if (begin < end) call.body(call.context, begin, end);
      return;
    }
    for (int64_t begin; (begin = call.next.fetch_add(call.step)) < call.count && !call.failed;) {
      call.body(call.context, begin, std::min(call.count, begin + call.step));
    }
  } catch (...) {
    if (!call.failed.exchange(true)) call.fault = std::current_exception();
  }
}

__attribute__((no_sanitize("thread"))) void fork_join(Call& call, int team) {
  __tsan_release(&call.fork);
#pragma omp parallel num_threads(team)
  {
    __tsan_acquire(&call.fork);
    work(call, omp_get_thread_num(), omp_get_num_threads());
    __tsan_release(&call.join);
  }
  __tsan_acquire(&call.join);
}

std::atomic<int>& wanted() {
  static std::atomic<int> count{std::max(1, omp_get_num_procs())};
  return count;
}

}  // namespace

int threads() {
  return wanted();
}
void use_threads(int count) {
  wanted() = std::max(1, count);
}

void detail::run(int64_t count, int64_t step, void* context, Body body) {
  if (count <= 0) return;
  const int team = static_cast<int>(std::min<int64_t>(threads(), count));
  if (team == 1 || omp_in_parallel()) return body(context, 0, count);
  Call call;
  call.count = count;
  call.step = step;
  call.context = context;
  call.body = body;
  fork_join(call, team);
  if (call.fault) std::rethrow_exception(call.fault);
}

}  // namespace temper::tensor
