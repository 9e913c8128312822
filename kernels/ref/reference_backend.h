// The oracle: every op in its most obvious form, one worker thread, host memory. See kernels/api/backend.h.
#pragma once

#include <memory>

#include "kernels/api/backend_list.h"

namespace lemma {

Result<std::unique_ptr<Backend>> makeReferenceBackend(const BackendOptions& options);

}  // namespace lemma
