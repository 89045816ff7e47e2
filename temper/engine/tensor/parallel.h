// The one way to run on all threads. Work is cut into `count` pieces whose results must not depend
// on which thread runs them; each output belongs to one piece, so bits do not depend on the number
// of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace temper::tensor {

/// Threads in use; the machine's cores by default.
int threads();
void use_threads(int count);

namespace detail {
using Body = void (*)(void* context, int64_t begin, int64_t end);
/// Shares of `step` pieces are handed out in order to whichever thread is free; step 0 = one share
/// a thread.
void run(int64_t count, int64_t step, void* context, Body body);

template <class F>
void run_function(int64_t count, int64_t step, F& body) {
  run(count, step, const_cast<void*>(static_cast<const void*>(std::addressof(body))),
      [](void* context, int64_t begin, int64_t end) { (*static_cast<F*>(context))(begin, end); });
}
}  // namespace detail

/// Calls body(begin, end) on contiguous shares of [0, count), one share a thread. The first
/// exception thrown by a share is rethrown. Calls nested in a share run serially.
template <class F>
void parallel(int64_t count, F&& body) {
  detail::run_function(count, 0, body);
}

/// Calls body(begin, end) on single pieces, handed out as threads get free: for pieces of unequal
/// cost.
template <class F>
void parallel_pieces(int64_t count, F&& body) {
  detail::run_function(count, 1, body);
}

}  // namespace temper::tensor
