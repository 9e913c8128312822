// Experts as gpt-oss's folders keep them: gate and up in one tensor, in turns, as MXFP4 (4-bit floats and their scales
// apart) or as floats the other way round. They become tensors under GGUF's names that step over each other's bytes:
// nothing is moved. Pure function, any thread.
#pragma once

#include <vector>

#include "engine/model_file/model_header.h"

namespace lemma {

// `tensors` have names of the family's rows: blk.N.ffn_{gate_up,down}_exps.{weight,bias,blocks,scales}. Errors name the
// tensor whose shape or type is another.
Result<void> takePairedExpertsApart(std::vector<ModelTensor>& tensors);

}  // namespace lemma
