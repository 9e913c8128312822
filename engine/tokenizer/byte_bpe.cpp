#include "engine/tokenizer/byte_bpe.h"

#include "engine/tokenizer/unicode_class.h"

namespace lemma {
namespace {

// The byte that each character below U+0144 stands for, -1 for none: printable Latin-1 stands for itself, the other
// 68 bytes are numbered from U+0100 on in ascending order.
constexpr std::array<int16_t, 0x144> kByteOfChar = [] {
  std::array<int16_t, 0x144> table{};
  table.fill(-1);
  int16_t next = 0x100;
  for (int16_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    table[size_t(printable ? b : next++)] = b;
  }
  return table;
}();

int16_t byteOfChar(uint32_t c) { return c < kByteOfChar.size() ? kByteOfChar[c] : int16_t(-1); }

}  // namespace

void appendByteLevelEncoded(std::string_view bytes, std::string& out) {
  static constexpr std::array<uint16_t, 256> kChars = [] {
    std::array<uint16_t, 256> table{};
    for (size_t c = 0; c < kByteOfChar.size(); ++c) {
      if (kByteOfChar[c] >= 0) table[size_t(kByteOfChar[c])] = uint16_t(c);
    }
    return table;
  }();
  for (const char b : bytes) appendUtf8(kChars[uint8_t(b)], out);
}

bool isByteLevel(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decodeUtf8(text, i);
    if (byteOfChar(c.value) < 0) return false;
    i += size_t(c.bytes);
  }
  return true;
}

void appendByteLevelDecoded(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decodeUtf8(text, i);
    if (const int16_t byte = byteOfChar(c.value); byte >= 0) {
      out += char(byte);
    } else {
      out += text.substr(i, size_t(c.bytes));
    }
    i += size_t(c.bytes);
  }
}

ByteBpe::ByteBpe(const Vocabulary& vocabulary, bool wholeWords) : vocabulary_(vocabulary), wholeWords_(wholeWords) {
  for (int b = 0; b < 256; ++b) {
    const char byte = char(b);
    byteToken_[size_t(b)] = int32_t(vocabulary.subword({&byte, 1}).value_or(Token(-1)));
  }
}

ByteBpe::ByteBpe(std::unique_ptr<const Vocabulary> vocabulary, bool wholeWords) : ByteBpe(*vocabulary, wholeWords) {
  own_ = std::move(vocabulary);
}

void ByteBpe::addMerge(std::string_view left, std::string_view right) {
  left_.clear();
  appendByteLevelDecoded(left, left_);
  whole_ = left_;
  appendByteLevelDecoded(right, whole_);
  const auto l = vocabulary_.subword(left_);
  const auto r = vocabulary_.subword(std::string_view(whole_).substr(left_.size()));
  const auto merged = vocabulary_.subword(whole_);
  if (l && r && merged) {
    merges_.add(int32_t(*l), int32_t(*r), int32_t(*merged));
  } else {
    merges_.skip();
  }
}

void ByteBpe::encodeWord(std::string_view word, std::vector<int32_t>& symbols, std::vector<Token>& out) const {
  if (wholeWords_) {
    if (const auto whole = vocabulary_.subword(word)) {
      out.push_back(*whole);
      return;
    }
  }
  symbols.clear();
  for (const char c : word) {
    if (const int32_t token = byteToken_[uint8_t(c)]; token >= 0) symbols.push_back(token);
  }
  merges_.apply(symbols);
  for (const int32_t s : symbols) out.push_back(Token(s));
}

}  // namespace lemma
