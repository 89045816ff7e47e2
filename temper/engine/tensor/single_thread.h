// ATen reductions change their bits with the number of threads; a loss is computed under this
// guard.
#pragma once

namespace temper::tensor {

/// While it lives, ATen runs on one thread.
class SingleThread {
 public:
  SingleThread();
  ~SingleThread();
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace temper::tensor
