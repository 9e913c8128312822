// The table of one target, from the kernels above it. Included last by kernels_<target>.cpp, which says
//   #define LEMMA_CPU_TARGET name
//   #include "kernels/cpu/simd_<width>.h"
//   #include "kernels/cpu/kernels_of_target.h"
// Everything lies in a namespace of the target's name and nothing is a template or inline function of another
// namespace, so that the linker cannot give one target's code to a machine that lacks its instructions.
#include "kernels/api/type.h"
#include "kernels/cpu/kernel_table.h"
#if defined(__x86_64__)
#include "kernels/cpu/lane_x86.h"
#else
#include "kernels/cpu/lane_neon.h"
#endif
// (and these the lanes)
#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/weight_formats.h"
// (quad.h with it)
#include "kernels/cpu/weight_formats_k.h"
// (these use the one above)
#include "kernels/cpu/code_books.h"
#include "kernels/cpu/weight_formats_32.h"
// (and this the books)
#include "kernels/cpu/weight_formats_grid.h"
// (this all formats)
#include "kernels/cpu/scale_vectors.h"
// (these use the ones above)
#include "kernels/cpu/mat_vec.h"
#include "kernels/cpu/mat_vec_units.h"
// (and these the products)
#include "kernels/cpu/gemm.h"
// (and this the panels)
#include "kernels/cpu/attention.h"
// (and this what that one keeps)
#include "kernels/cpu/attention_words.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_STRING_(x) #x
#define LEMMA_STRING(x) LEMMA_STRING_(x)

// kInFile: unpacked where it is multiplied, a tile of its own; otherwise into scratch, for a tile that many share.
template <class B, bool kInFile>
constexpr FormatKernels unitFormat(Type type) {
  return {.type = uint32_t(type),
          .acts = Acts::bytes,
          .panelBytesPerBlock = int(PanelOf<B>::kBytes),
          .matVec = matVecUnits<B, kInFile>,
          .unpack = unpackUnits<B>,
          .gemm = gemmPanel<PanelOf<B>>};
}

template <class V>
constexpr FormatKernels valueFormat(Type type) {
  return {.type = uint32_t(type),
          .acts = Acts::floats,
          .panelBytesPerBlock = 32 * 4 * kPanel,
          .matVec = matVecValues<V>,
          .unpack = unpackValues<V>,
          .gemm = gemmValues};
}

constexpr FormatKernels kFormats[] = {
    valueFormat<ValuesF32>(Type::F32),
    valueFormat<ValuesF16>(Type::F16),
    valueFormat<ValuesBF16>(Type::BF16),
    valueFormat<ValuesF8>(Type::F8_E4M3),
    unitFormat<UnitQ4_0, true>(Type::Q4_0),
    unitFormat<UnitQ4_1, true>(Type::Q4_1),
    unitFormat<UnitQ8_0, true>(Type::Q8_0),
    unitFormat<UnitQ2_K, true>(Type::Q2_K),
    unitFormat<UnitQ3_K, true>(Type::Q3_K),
    unitFormat<UnitQ4_K, true>(Type::Q4_K),
    unitFormat<UnitQ5_K, true>(Type::Q5_K),
    unitFormat<UnitQ6_K, true>(Type::Q6_K),
    unitFormat<UnitQ5_0, true>(Type::Q5_0),
    unitFormat<UnitQ5_1, true>(Type::Q5_1),
    unitFormat<UnitIQ4_NL, true>(Type::IQ4_NL),
    unitFormat<UnitIQ4_XS, true>(Type::IQ4_XS),
    unitFormat<UnitMXFP4, true>(Type::MXFP4),
    unitFormat<UnitNVFP4, true>(Type::NVFP4),
    unitFormat<UnitTQ1_0, true>(Type::TQ1_0),
    unitFormat<UnitTQ2_0, true>(Type::TQ2_0),
    unitFormat<UnitIQ1_S<PointByPoint>, true>(Type::IQ1_S),
    unitFormat<UnitIQ1_M<PointByPoint>, true>(Type::IQ1_M),
    unitFormat<UnitIQ2_XXS, true>(Type::IQ2_XXS),
    unitFormat<UnitIQ2_XS, true>(Type::IQ2_XS),
    unitFormat<UnitIQ2_S<PointByPoint>, true>(Type::IQ2_S),
    unitFormat<UnitIQ3_XXS, true>(Type::IQ3_XXS),
    unitFormat<UnitIQ3_S, true>(Type::IQ3_S),
};

#if defined(LEMMA_HAS_GATHERS)
constexpr FormatKernels kGathered[] = {
    unitFormat<UnitIQ1_S<Gathered>, true>(Type::IQ1_S),
    unitFormat<UnitIQ1_M<Gathered>, true>(Type::IQ1_M),
    unitFormat<UnitIQ2_S<Gathered>, true>(Type::IQ2_S),
};
#endif

extern const KernelTable kKernels;
constinit const KernelTable kKernels = {
    .name = LEMMA_STRING(LEMMA_CPU_TARGET),
    .formats = kFormats,
    .formatCount = int(sizeof(kFormats) / sizeof(kFormats[0])),
#if defined(LEMMA_HAS_GATHERS)
    .gathered = kGathered,
    .gatheredCount = int(sizeof(kGathered) / sizeof(kGathered[0])),
#endif
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
