// The kernels of one instruction set as plain functions, and the layouts they share. One table a target, chosen at run
// time; constant data, any thread. Nothing here may have inline functions that do work: the files of every target
// include it, and the linker keeps one copy.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lemma::cpu {

constexpr int kPanel = 32;         // outputs of one weight panel, and values of one block of 8-bit activations
constexpr int kKeyTile = 64;       // positions of one attention tile
constexpr int kHeadsInLanes = 16;  // from so many heads of a key on, few rows are attended with heads in lanes
constexpr int kFewRows = 8;        // up to here a matMul is a mat-vec; more rows are another family of kernels
constexpr int64_t kMatVecScratch = 14 << 10;  // bytes that a mat-vec works in
constexpr int kSegment = 2048;                // values along k of one weight panel (a multiple of 512)

// What a product takes of its activations.
enum class Acts : uint8_t { floats, bytes, bfloats };

// Activations in BF16, one row: roundUp(k, 32) values rounded to the nearest, zero behind k. In 8 bits: per block of 32
// values a float scale (largest / 127) and bytes.
//   q     roundUp(nb, 16) blocks; groups of four blocks store their first halves, then their second halves
//         (the 128-bit lanes that nibble formats unpack to; see blockOffset)
//   scale [nbPad] float; sum [nbPad] float = scale * sum of bytes; start [nbPad] int32 = -128 * sum of bytes
//   halfSum, halfStart [2][nbPad]: the same over the first and the second 16 bytes of a block
// Padding is zero.
struct ActLayout {
  Acts acts = Acts::bytes;
  int64_t k = 0;
  int32_t blocks = 0, padded = 0;                  // k / 32, and that rounded up to 16
  int64_t scale = 0, sum = 0, start = 0;           // byte offsets in a row
  int64_t halfSum = 0, halfStart = 0, stride = 0;  // likewise; bytes of a row
};

// Factors that lie beside a matrix of 8-bit floats (BlockScales): one for each `in` values of each `out` rows.
struct BlockFactors {
  const std::byte* values = nullptr;  // F32 at any byte; null = no factors
  int64_t rowBytes = 0, in = 0, out = 0;
  int64_t firstRow = 0;  // of the weights, counted from the first of `values`

  float at(int64_t row, int64_t block) const {
    float factor;
    __builtin_memcpy(&factor, values + (firstRow + row) / out * rowBytes + block * 4, sizeof factor);
    return factor;
  }
};

struct MatVecArgs {
  const std::byte* weights = nullptr;  // [n rows of rowBytes]
  uint64_t rowBytes = 0;
  int64_t n = 0, k = 0;
  const std::byte* acts = nullptr;  // 8-bit: [tokens] rows of layout; float: [tokens, actStride bytes]
  const ActLayout* layout = nullptr;
  int64_t actStride = 0;
  int tokens = 0;        // at most kFewRows
  float* out = nullptr;  // [tokens, ldOut]
  int64_t ldOut = 0;
  std::byte* scratch = nullptr;  // kMatVecScratch bytes
  BlockFactors factors{};
};

struct PanelArgs {
  const std::byte* weights = nullptr;  // first row of the panel
  uint64_t rowBytes = 0;
  int n = 0;              // rows there are, at most kPanel; the rest becomes zero
  int64_t k0 = 0, k = 0;  // the segment of each row, whole blocks
  std::byte* panel = nullptr;
  BlockFactors factors{};  // their blocks start at k = 0, not at k0
};

struct GemmArgs {
  const std::byte* panel = nullptr;
  int64_t k0 = 0, k = 0;
  const std::byte* acts = nullptr;  // rows as in MatVecArgs, whole rows (k0 is added by the kernel)
  const ActLayout* layout = nullptr;
  int64_t actStride = 0;
  int rows = 0;
  float* out = nullptr;     // [rows, kPanel]
  bool accumulate = false;  // adds to out
};

// How one weight format is multiplied. Formats without an entry are decoded to float rows first.
struct FormatKernels {
  uint32_t type = 0;           // lemma::Type
  Acts acts = Acts::floats;    // what it takes; of up to kFewRows rows floats instead of bfloats
  int64_t leastK = 0;          // of smaller matrices the next entry of the type is meant
  int panelBytesPerBlock = 0;  // of 32 values along k
  void (*matVec)(const MatVecArgs&) = nullptr;
  void (*unpack)(const PanelArgs&) = nullptr;
  void (*gemm)(const GemmArgs&) = nullptr;
};

enum class CacheType : uint8_t { f32, f16, q8, f8 };

// One task of attention: `rows` consecutive queries of one sequence against the heads of one kv head.
struct AttentionArgs {
  const float* q = nullptr;  // first query row, first head of the group: [rows, ldQ], heads headDim apart
  int64_t ldQ = 0;
  int rows = 0, group = 0;  // query heads that share the kv head
  int headDim = 0, vDim = 0;
  float scale = 1;
  CacheType kType{}, vType{};
  const std::byte* kPool = nullptr;  // of the kv head: page and slot strides follow
  const std::byte* vPool = nullptr;
  int64_t kPage = 0, kSlot = 0, vPage = 0, vSlot = 0;
  int32_t pageTokens = 0;
  const int32_t* pages = nullptr;  // of the sequence
  int32_t firstPos = 0;            // of the first row; row i is at firstPos + i
  int32_t window = 0;              // many rows: positions that a row sees, 0 = all
  const float* sinks = nullptr;    // many rows: [group] logits without a value, or null
  int32_t from = 0, to = 0;        // few rows: the positions of this part of the cache
  float* out = nullptr;            // many rows: [rows, ldOut]; few rows: vDim + 2 floats a head (sum, largest, total)
  int64_t ldOut = 0;
  float* scratch = nullptr;  // attentionScratch floats
};

// How one head's keys and values come from cached latents.
struct ExpandArgs {
  int64_t latent = 0;
  int ropeDims = 0;               // the rotated key behind the latent, shared by all heads
  const float* keys = nullptr;    // [nope][latent]
  const float* values = nullptr;  // of a cache of F32 [latent][ldValues], zero behind vDim; otherwise [vDim][latent]
  int64_t ldValues = 0;           // vDim rounded up to 32
};

struct KernelTable {
  const char* name = nullptr;
  const FormatKernels* formats = nullptr;
  int formatCount = 0;
  const FormatKernels* gathered = nullptr;  // of some formats the same bits, quicker where gathers are (quickGathers)
  int gatheredCount = 0;

  void (*rmsNorm)(const float* in, const float* weight, float eps, int64_t n, float* out) = nullptr;
  void (*quantize)(const float* in, int32_t firstBlock, int32_t blocks, const ActLayout& layout,
                   std::byte* row) = nullptr;
  void (*rope)(float* x, const float* cosine, const float* sine, int half, bool interleaved) = nullptr;
  void (*toHalf)(const float* in, int64_t n, std::byte* out) = nullptr;
  void (*toBfloats)(const float* in, int64_t n, std::byte* out) = nullptr;         // zero up to a multiple of 32
  void (*glu[4])(const float* gate, const float* up, int64_t n, float* out) = {};  // by lemma::Gate
  void (*add)(const float* a, const float* b, int64_t n, float* out) = nullptr;
  void (*attentionFew)(const AttentionArgs&) = nullptr;  // rows == 1, one part of the cache
  void (*attentionMerge)(const float* parts, int64_t partStride, int count, int vDim, const float* sink,
                         float* out) = nullptr;
  void (*attentionMany)(const AttentionArgs&) = nullptr;                         // all that every row sees
  void (*attentionExpanded)(const AttentionArgs&, const ExpandArgs&) = nullptr;  // likewise, one head over latents
};

}  // namespace lemma::cpu
