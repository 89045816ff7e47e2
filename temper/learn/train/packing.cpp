#include "temper/learn/train/packing.h"

#include <algorithm>

#include "temper/foundation/error/error.h"

namespace temper::train {

std::vector<chat::TokenRow> wrapped(std::span<const chat::TokenRow> rows, int64_t length) {
  ASSERT(length > 1, "a piece has something to predict");
  std::vector<chat::TokenRow> pieces;
  for (const chat::TokenRow& row : rows) {
    for (size_t i = 0; i < row.ids.size(); ++i) {
      if (pieces.empty() || std::ssize(pieces.back().ids) == length) {
        pieces.emplace_back().where = row.where;
      }
      pieces.back().ids.push_back(row.ids[i]);
      pieces.back().trained.push_back(pieces.back().ids.size() == 1 ? 0 : row.trained[i]);
    }
  }
  std::erase_if(pieces, [](const chat::TokenRow& piece) { return piece.trained_tokens() == 0; });
  return pieces;
}

}  // namespace temper::train
