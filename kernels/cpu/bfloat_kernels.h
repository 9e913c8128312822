// What the target `bf16` adds to the table of `vnni`: products of BF16 rows with weights that BF16 holds exactly, for
// many rows. Constant data, any thread.
#pragma once

#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu {

struct BfloatFormat {
  int panelBytesPerBlock = 0;
  void (*unpack)(const PanelArgs&) = nullptr;
  void (*gemm)(const GemmArgs&) = nullptr;
};

struct BfloatKernels {
  BfloatFormat bf16, f8;
  void (*toBfloats)(const float* in, int64_t n, std::byte* out) = nullptr;
};

}  // namespace lemma::cpu
