// However a text is cut, at one byte or at all of them, the splitter gives what it gives uncut. The input: a byte whose
// lowest bit says that the prompt opened a thought, then the text.
#include "engine/text/part_splitter.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/text/utf8_stream.h"

namespace {

// One delta of a kind after the other, each with its kind before it.
std::string replay(bool think, std::string_view text, const std::vector<size_t>& cuts) {
  lemma::PartSplitter splitter(think);
  lemma::Utf8Stream utf8;
  std::string parts;
  char kind = 0;
  const auto keep = [&](std::span<const lemma::PartDelta> deltas) {
    for (const auto& d : deltas) {
      const char now = d.kind == lemma::PartKind::think ? '\1' : '\2';
      if (now != kind) parts += kind = now;
      parts += d.text;
    }
  };
  size_t from = 0;
  for (const size_t cut : cuts) {
    keep(splitter.push(utf8.push(text.substr(from, cut - from))));
    from = cut;
  }
  keep(splitter.push(utf8.push(text.substr(from))));
  keep(splitter.push(utf8.flush()));
  keep(splitter.flush());
  return parts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kCuts = 12;  // of a longer text a share of the places, another one for each first byte
  if (size < 1) return 0;
  const bool think = data[0] & 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = replay(think, text, {});
  const auto same = [&](const std::vector<size_t>& cuts) {
    if (replay(think, text, cuts) != whole) __builtin_trap();
  };
  std::vector<size_t> all;
  const size_t step = 1 + text.size() / kCuts;
  for (size_t cut = 0; cut < text.size(); ++cut) {
    all.push_back(cut);
    if (cut % step == (data[0] >> 1) % step) same({cut});
  }
  same(all);
  return 0;
}
