// The architecture `llama`: Llama 1 to 3, Mistral, SmolLM2 and what else is stored in its form. A dense decoder with
// rotary positions in interleaved pairs (GGUF's order).
#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  return readDenseHparams(header, "llama", RopeStyle::interleaved);
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) { return bindDecoder(h, {}, weights); }

}  // namespace

extern const ModelArch kArch_llama{.ggufName = "llama", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
