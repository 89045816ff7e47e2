#include "temper/foundation/error/error.h"

#include <stdexcept>
#include <utility>

namespace temper {

Error::Error(ErrorParts parts) : parts_(std::move(parts)), text_(parts_.what) {
  if (!parts_.where.empty()) text_ += "\n  where: " + parts_.where;
  if (!parts_.try_.empty()) text_ += "\n  try:   " + parts_.try_;
}

Error Error::at(const std::string& where) const {
  ErrorParts parts = parts_;
  parts.where = parts.where.empty() ? where : where + ": " + parts.where;
  return Error(std::move(parts));
}

void assertion_failed(const char* condition, const char* why, const char* file, int line) {
  throw std::logic_error(std::string("internal error: ") + why + " (" + condition + ") at " + file +
                         ":" + std::to_string(line));
}

}  // namespace temper
