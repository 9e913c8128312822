// The table of one target, from the kernels above it. Included last by kernels_<target>.cpp, which says
//   #define LEMMA_CPU_TARGET name
//   #include "kernels/cpu/simd_<width>.h"
//   #include "kernels/cpu/kernels_of_target.h"
// Everything lies in a namespace of the target's name and nothing is a template or inline function of another
// namespace, so that the linker cannot give one target's code to a machine that lacks its instructions.
#include "kernels/api/type.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/weight_formats.h"
// (these use the two above)
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/mat_vec.h"
// (and this the products)
#include "kernels/cpu/attention.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_STRING_(x) #x
#define LEMMA_STRING(x) LEMMA_STRING_(x)

template <class B>
constexpr FormatKernels blockFormat(Type type) {
  return {.type = uint32_t(type),
          .bytes = true,
          .panelBytesPerBlock = kPanelLevels + kPanelFloats * (B::kMinimum ? 2 : 1),
          .matVec = matVecBlocks<B>,
          .unpack = unpackBlocks<B>,
          .gemm = gemmBlocks<B>};
}

template <class V>
constexpr FormatKernels valueFormat(Type type) {
  return {.type = uint32_t(type),
          .bytes = false,
          .panelBytesPerBlock = 32 * kPanelFloats,
          .matVec = matVecValues<V>,
          .unpack = unpackValues<V>,
          .gemm = gemmValues};
}

constexpr FormatKernels kFormats[] = {
    valueFormat<ValuesF32>(Type::F32),   valueFormat<ValuesF16>(Type::F16),   valueFormat<ValuesBF16>(Type::BF16),
    blockFormat<BlocksQ4_0>(Type::Q4_0), blockFormat<BlocksQ4_1>(Type::Q4_1), blockFormat<BlocksQ8_0>(Type::Q8_0),
};

extern const KernelTable kKernels;
constinit const KernelTable kKernels = {
    .name = LEMMA_STRING(LEMMA_CPU_TARGET),
    .formats = kFormats,
    .formatCount = int(sizeof(kFormats) / sizeof(kFormats[0])),
    .rmsNorm = rmsNorm,
    .quantize = quantize,
    .rope = rope,
#if defined(LEMMA_HAS_TO_HALF)
    .toHalf = toHalf,
#endif
    .glu = {glu<Silu>, glu<GeluTanh>, glu<ClampedSwish>, glu<Sigmoid>},
    .add = add,
    .attentionFew = attentionFew,
    .attentionMerge = attentionMerge,
    .attentionMany = attentionMany,
    .attentionExpanded = attentionExpanded,
};

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
