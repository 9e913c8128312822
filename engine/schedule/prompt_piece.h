// How many of the tokens that wait a prompt's next pass reads. Pure.
#pragma once

#include <algorithm>

namespace lemma {

// At most `most`, but no more than leaves `least` (Model::leastPromptRows) for the last pass: fewer rows would be
// computed by another family of kernels, to other bits.
inline int promptPiece(int waiting, int most, int least) {
  const int piece = std::min(waiting, most), rest = waiting - piece;
  return rest > 0 && rest < least && piece >= 2 * least ? piece - (least - rest) : piece;
}

}  // namespace lemma
