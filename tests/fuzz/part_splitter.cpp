// Cut in two at a place the input chooses, the splitter gives what it gives uncut.
#include "engine/text/part_splitter.h"

#include <cstdint>
#include <cstdlib>

#include "engine/text/utf8_stream.h"

namespace {
std::string replay(bool think, std::string_view a, std::string_view b) {
  lemma::PartSplitter s(think);
  lemma::Utf8Stream utf8;
  std::string parts[2];
  const auto keep = [&](std::span<const lemma::PartDelta> deltas) {
    for (const auto& d : deltas) parts[d.kind == lemma::PartKind::answer] += d.text;
  };
  keep(s.push(utf8.push(a)));
  keep(s.push(std::string(utf8.push(b)) + utf8.flush()));
  keep(s.flush());
  return parts[0] + '\0' + parts[1];
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t cut = text.empty() ? 0 : data[1] % (text.size() + 1);
  const bool think = data[0] & 1;
  if (replay(think, text, "") != replay(think, text.substr(0, cut), text.substr(cut))) std::abort();
  return 0;
}
