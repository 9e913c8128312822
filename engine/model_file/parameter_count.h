// How many numbers a model has learnt, and how many of them work on one token. Pure function, any thread.
#pragma once

#include <cstdint>

#include "engine/model_file/model_header.h"

namespace lemma {

struct ParameterCount {
  uint64_t all = 0;
  uint64_t active = 0;  // all but the routed experts that a token does not visit
};

// Counted over the tensor table. Routed experts are the tensors named *_exps.*; the share of them that works is
// <architecture>.expert_used_count of .expert_count, and all of them where the file does not say.
ParameterCount countParameters(const ModelHeader& header);

}  // namespace lemma
