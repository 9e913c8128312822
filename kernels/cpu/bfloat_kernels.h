// What the target `bf16` adds to the table of `vnni`: products of BF16 rows and BF16 weights for many rows. Constant
// data, any thread.
#pragma once

#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu {

struct BfloatKernels {
  int panelBytesPerBlock = 0;
  void (*unpack)(const PanelArgs&) = nullptr;
  void (*gemm)(const GemmArgs&) = nullptr;
  void (*toBfloats)(const float* in, int64_t n, std::byte* out) = nullptr;
};

}  // namespace lemma::cpu
