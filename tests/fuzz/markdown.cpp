// Streamed in two pieces and ended, Markdown gives what it gives when parsed at once; no run leaves its text.
#include <cstdint>

#include "ui/markdown/stream.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = text.size() * data[0] / 255;
  lemma::markdown::Stream stream;
  stream.append(text.substr(0, cut));
  stream.append(text.substr(cut));
  stream.finish();
  for (const auto& block : stream.blocks()) {
    for (const auto& run : block.body.runs) {
      if (run.begin >= run.end || run.end > block.body.text.size()) __builtin_trap();
    }
  }
  if (text.size() <= lemma::markdown::kMaxParseBytes && stream.blocks() != lemma::markdown::parse(text)) {
    __builtin_trap();
  }
  return 0;
}
