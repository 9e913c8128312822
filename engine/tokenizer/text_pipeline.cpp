#include "engine/tokenizer/text_pipeline.h"

#include "engine/tokenizer/byte_bpe.h"

namespace lemma {

std::string TextPipeline::normalized(std::string_view text) const {
  std::string out(text);
  for (const auto& step : normalizer_) step->apply(out);
  return out;
}

void TextPipeline::encodeWords(std::string_view text, bool opensInput, std::vector<int32_t>& scratch,
                               std::vector<Token>& out) const {
  TextPieces pieces{.text = std::string(text), .ranges = {{0, text.size()}}, .opensInput = opensInput};
  for (const auto& step : splitter_) step->apply(pieces);
  std::string bytes;
  for (size_t i = 0; i < pieces.ranges.size(); ++i) {
    std::string_view word = pieces[i];
    if (pieces.byteLevel) {
      bytes.clear();
      appendByteLevelDecoded(word, bytes);
      word = bytes;
    }
    if (!word.empty()) words_->encodeWord(word, scratch, out);
  }
}

void TextPipeline::encode(std::string_view text, bool opensInput, std::vector<Token>& out) const {
  const std::string clean = normalized(text);
  std::vector<int32_t> scratch;
  for (size_t at = 0; at < clean.size();) {
    const auto match = added_ ? added_->find(clean, at) : std::nullopt;
    const size_t end = match ? match->first : clean.size();
    if (end > at) encodeWords(std::string_view(clean).substr(at, end - at), opensInput && at == 0, scratch, out);
    if (!match) break;
    out.push_back(match->token);
    at = match->last;
  }
}

}  // namespace lemma
