#include "temper/engine/tensor/tensor.h"

#include <ATen/Parallel.h>

#include "temper/engine/tensor/single_thread.h"

namespace temper::tensor {

SingleThread::SingleThread() : before_(at::get_num_threads()) {
  at::set_num_threads(1);
}
SingleThread::~SingleThread() {
  at::set_num_threads(before_);
}

}  // namespace temper::tensor
