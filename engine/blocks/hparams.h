// The numbers of a model after its metadata was checked once; no other code reads raw metadata for arithmetic.
// Plain values and pure functions, any thread.
#pragma once

#include <optional>

#include "engine/model_file/metadata_reader.h"
#include "kernels/api/op.h"

namespace lemma {

// YaRN (Peng et al. 2023, arXiv:2309.00071): a context `factor` times longer than the one trained on. Frequencies that
// turn more than betaFast times in the original context stay, those below betaSlow turns are divided by `factor`.
struct YarnParams {
  float factor = 1;
  int originalContext = 0;
  float betaFast = 32, betaSlow = 1;
  bool wholeBounds = true;  // the ramp begins and ends at whole frequencies, as YaRN's own code has it
};

// Rotary positions: the frequencies are a weight of the graph, made once from these numbers (rope.h).
struct RopeParams {
  RopeStyle style = RopeStyle::interleaved;
  int dims = 0;              // rotated dims at the front of each head
  float base = 10000.0f;     // theta
  float freqScale = 1.0f;    // linear scaling: positions are multiplied by this
  float magnitude = 1.0f;    // factor on cos and sin
  float scoreFactor = 1.0f;  // factor on q . k, beside the model's own
  int originalContext = 0;   // LongRoPE: a longer context takes the long factors
  bool longRope = false;     // the file says LongRoPE, so its factors must be there
  std::optional<YarnParams> yarn;
};

// What one position takes in the KV cache of a layer.
struct KvShape {
  int keyDim = 0, valueDim = 0;  // valueDim 0: values come from the keys
  int heads = 0;
};

// Experts of feed-forward layers, beside one that every row passes where sharedHidden is above 0.
struct ExpertParams {
  int count = 0, hidden = 0;
  int sharedHidden = 0;
  int denseLayers = 0;  // the first layers, that have none
  Gate gate = Gate::silu;
  bool sharedGate = false;  // the shared expert is weighted, by the sigmoid of one number a row
  RouteParams route;
};

// Latent attention: what queries and keys are compressed to.
struct LatentParams {
  int queryRank = 0;  // 0 = queries are not
  int kvRank = 0;
};

struct Hparams {
  int layers = 0;
  int embedding = 0;  // width of the residual stream
  int vocabulary = 0;
  int contextTrained = 0;
  int heads = 0, kvHeads = 0;
  int headDim = 0;  // of q and k
  int vDim = 0;     // of v
  int feedForward = 0;
  float normEps = 0;
  float attentionScale = 1;  // of q . k
  float embeddingScale = 1;  // of the embeddings as they enter the first layer
  RopeParams rope;
  KvShape kv;
  std::optional<ExpertParams> experts;
  std::optional<LatentParams> latent;
  int draftLayers = 0;                   // behind the others: they guess the token after the next
  int window = 0;                        // positions that a layer with a window sees; 0: no layer has one
  int windowPeriod = 0;                  // every so many layers one, the last of them, sees everything; 0: none does
  std::optional<RopeParams> windowRope;  // of the layers with a window, where it is another
  int context = 0;                       // most positions of a sequence in this run; set before a graph is bound

  bool hasWindow(int layer) const { return window > 0 && (windowPeriod == 0 || (layer + 1) % windowPeriod != 0); }
};

// What protects memory and time from a hostile file; far above any model that exists.
namespace hparam_limits {
inline constexpr int kLayers = 512;
inline constexpr int kHeads = 1024;
inline constexpr int kHeadDim = 4096;
inline constexpr int kWidth = 1 << 20;  // of the residual stream and of feed-forward layers
inline constexpr int kVocabulary = 1 << 24;
inline constexpr int kContext = 1 << 24;
inline constexpr int kExperts = 4096;
}  // namespace hparam_limits

// Layers, widths, heads of grouped-query attention, context, norm: the keys that GGUF defines for every decoder, with
// its defaults. What was wrong is in r.result().
Hparams readDecoderHparams(MetadataReader& r);

// expert_*: how many, which are chosen, how they are weighted. `normalise` where the file does not say.
ExpertParams readExperts(MetadataReader& r, bool normalise);

// rope.*: dims of at most h.headDim, base, scaling by whichever of the methods that GGUF names. rope.half_split
// overrules `style`: safetensors of Llama have their queries and keys in halves, where GGUF has the same rows
// interleaved.
RopeParams readRope(MetadataReader& r, const Hparams& h, RopeStyle style);

// Rows of token_embd.weight: a file need not say its vocabulary's size in metadata.
Result<int> readVocabulary(const ModelHeader& header);

}  // namespace lemma
