#include "temper/language/template/budget.h"

#include "temper/foundation/error/error.h"

namespace temper::jinja {

void fail(const std::string& what) {
  throw Error({what, "", ""});
}

void Budget::spend(size_t steps) {
  if (steps > static_cast<uint64_t>(steps_)) {
    steps_ = 0;
    fail("the template needs more than " + std::to_string(allowed_) + " steps");
  }
  steps_ -= static_cast<int64_t>(steps);
}

void Budget::room(size_t size) const {
  if (size > bytes_) {
    fail("the template builds a text longer than " + std::to_string(bytes_) + " bytes");
  }
}

void Budget::text(size_t size) {
  room(size);
  spend(size / 64);
}

void Budget::text(size_t size, size_t count) {
  if (size != 0 && count > bytes_ / size) room(bytes_ + 1);
  text(size * count);
}

}  // namespace temper::jinja
