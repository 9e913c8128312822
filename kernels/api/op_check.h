// Whether an op's views fit together: types, shapes, heads. Every backend asks it in supports() and compile(), so that
// kernels need no checks of their own. Pure, any thread.
#pragma once

#include <string_view>

#include "kernels/api/op.h"
#include "kernels/api/result.h"

namespace lemma {

std::string_view name(OpKind kind);

// Err::badValue in one sentence where `op` is not what op.h says. Activations are F32; weights any type that decodes.
Result<void> checkOp(const Op& op);

}  // namespace lemma
