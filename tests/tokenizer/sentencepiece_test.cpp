// SentencePiece's models in GGUF against SentencePiece itself (class: bitwise, every id equal), with one exception: the
// library drops spaces across user-defined tokens and tells a written mark from a space where it drops them; here text
// between two tokens stands alone, and the mark is a space. tests/goldens/make_tokenizers.py made the reference.
#include <gtest/gtest.h>

#include "engine/tokenizer/tokenizer.h"
#include "tests/tokenizer/reference.h"

namespace lemma {
namespace {

using nlohmann::json;

TEST(SentencePieceGguf, idsOfTheLibrary) {
  const auto all = test::lines(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens" / "sentencepiece.jsonl");
  ASSERT_EQ(all.size(), 4u);
  for (const json& model : all) {
    SCOPED_TRACE(model["name"]);
    const auto bytes = test::sentencePieceGguf(model).bytes();
    const auto header = parseGguf(bytes, bytes.size());
    ASSERT_TRUE(header) << header.error().what;
    const auto t = Tokenizer::fromGguf(*header);
    ASSERT_TRUE(t) << t.error().what;
    ASSERT_GE(model["cases"].size(), 40u);
    for (const json& one : model["cases"]) {
      const std::string text = one[0];
      if (model["remove_extra"] && (text.find("<tool>") != text.npos || text.find("\u2581") != text.npos)) continue;
      EXPECT_EQ(json(test::numbers((*t)->encode(text, false))), one[1]) << text;
    }
  }
}

}  // namespace
}  // namespace lemma
