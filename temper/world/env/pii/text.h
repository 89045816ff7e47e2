// Texts with personal information, and the same texts masked.
#pragma once

#include <string>
#include <vector>

#include "temper/foundation/random/random.h"
#include "temper/world/env/pii/pool.h"

namespace temper::env::pii {

struct Text {
  std::string raw;
  std::string masked;                 ///< each entity replaced by [PII]
  std::vector<std::string> entities;  ///< in order
};

/// One sentence or two, at most four entities; about one text in twelve has none.
Text compose(const Pool& pool, random::Sequence& random);

/// The digit that makes `digits` followed by it pass Luhn's test (ISO/IEC 7812-1, annex B). What is
/// not a digit is passed over.
char luhn_digit(std::string_view digits);

}  // namespace temper::env::pii
