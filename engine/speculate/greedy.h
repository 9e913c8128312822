// The likeliest token of a row of logits; of equal ones the lowest id, as the sampler has it. Pure.
#pragma once

#include <algorithm>
#include <span>

#include "engine/api/types.h"

namespace lemma {

inline Token likeliest(std::span<const float> logits) {
  return Token(int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin()));
}

}  // namespace lemma
