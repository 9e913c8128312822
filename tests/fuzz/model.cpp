// Whole models: a GGUF file of a few kilobytes is loaded and computes, or is refused in one sentence.
#include "engine/model.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "engine/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int handle = memfd_create("model", MFD_CLOEXEC);
  if (handle < 0 || write(handle, data, size) != ssize_t(size)) __builtin_trap();
  const std::string path = "/proc/self/fd/" + std::to_string(handle);
  {
    const auto model = lemma::Model::load(
        {.path = path, .context = 32, .batch = 8, .threads = 1, .kvType = "f32", .backend = "reference"});
    if (!model) {
      if (model.error().what.empty() || model.error().what.size() > 1000) __builtin_trap();
      for (const unsigned char c : model.error().what) {
        if (c < 0x20 || c == 0x7f) __builtin_trap();
      }
    } else {
      lemma::Batch batch;
      const lemma::SeqId seq = (*model)->newSequence();
      for (int i = 0; i < 3; ++i) batch.add(lemma::Token(i), i, seq, true);
      (*model)->forward(batch, lemma::CancelFlag(false));
      if (const lemma::Tokenizer* t = (*model)->tokenizer()) t->decode(t->encode("<s>a b", true), false);
    }
  }
  close(handle);
  return 0;
}
