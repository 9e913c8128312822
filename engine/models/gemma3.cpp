// The architecture `gemma3`: the text models of Gemma 3, 270M to 27B. A decoder with scaled embeddings, normalised
// heads of q and k, a norm behind each block as well as before it, and a GELU gate. Every sixth layer sees everything,
// with the file's rope; the others a window, with a rope of their own. Norms hold their weight plus one (GGUF's order).
#include <cmath>

#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

constexpr int kLayersOf27b = 62;

Result<Hparams> readHparams(const ModelHeader& header) {
  LEMMA_TRY(h, readDenseHparams(header, "gemma3", RopeStyle::halfSplit));
  MetadataReader r(header, "gemma3");
  h.embeddingScale = std::sqrt(float(h.embedding));
  h.window = r.wholeOr("attention.sliding_window", 0, 0, hparam_limits::kContext);
  h.windowPeriod = r.wholeOr("attention.sliding_window_pattern", 6, 1, hparam_limits::kLayers);
  h.windowRope = RopeParams{.style = h.rope.style, .dims = h.rope.dims};
  h.windowRope->base = r.realOr("rope.freq_base_swa", 10000, 1, 1e12);
  // The one size whose queries are not scaled by their heads' width; its files do not say so.
  if (!r.has("attention.scale") && h.layers == kLayersOf27b) {
    h.attentionScale = 1 / std::sqrt(float(h.embedding) / float(h.heads));
  }
  r.require(r.realOr("final_logit_softcapping", 0, 0, 1e6) == 0, Err::unsupported, "final_logit_softcapping",
            "asks for bounded logits, which this build does not know in this form");
  LEMMA_CHECK(r.result());
  return h;
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, {.headNorm = true, .postNorms = true, .gate = Gate::geluTanh}, weights);
}

}  // namespace

extern const ModelArch kArch_gemma3{.ggufName = "gemma3", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
