// What the bits of a cache depend on beside its shape. Pure but for the times of the model's files, any thread.
#pragma once

#include <string>

#include "engine/model_file/model_file.h"

namespace lemma {

// 32 hexadecimal digits over the model's content and its files' times (two sets of weights may share a header), the
// context (it decides rotations), what computes, and this build of the program. `computed`: the cache's type and the
// devices' names.
std::string cacheIdentity(const ModelFile& model, int context, const std::string& computed);

}  // namespace lemma
