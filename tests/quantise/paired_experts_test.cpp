// gpt-oss's folders written as GGUF, against GGUF files of the same numbers. Class: bitwise, of values.
#include <cstring>

#include "engine/quantise/quantise.h"
#include "tests/model/counted_folder.h"
#include "tests/support/goldens.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

std::vector<float> decoded(const ModelFile& file, const ModelTensor& t) {
  std::vector<float> values(size_t(t.ne[0] * t.ne[1] * t.ne[2] * t.ne[3]));
  typeInfo(t.type)->decode(file.parts[t.part].bytes.data() + t.offset, values.data(), int64_t(values.size()));
  return values;
}

class PairedExperts : public testing::TestWithParam<const char*> {};

TEST_P(PairedExperts, areWrittenAsGguf) {
  const auto golden = nlohmann::json::parse(
      readText(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models" / GetParam() / "golden.json"));
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "hf");
  ASSERT_TRUE(writeCountedFolder(golden, folder / "hf"));
  ASSERT_TRUE(countedModel(golden).write(folder / "expected.gguf"));
  const auto source = openModel(folder / "hf"), expected = openModel(folder / "expected.gguf");
  ASSERT_TRUE(source) << source.error().what;
  ASSERT_TRUE(expected) << expected.error().what;
  const TypeRule experts{"*_exps.weight", std::string_view(GetParam()).ends_with("mxfp4") ? Type::MXFP4 : Type::F32};
  const auto done = quantise(*source, folder / "out.gguf",
                             {.recipe = *findRecipe("F16"), .rules = {experts}, .threads = 2}, {}, CancelFlag(false));
  ASSERT_TRUE(done) << done.error().what;
  const auto written = openModel(folder / "out.gguf");
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_EQ(written->header.tensors.size(), expected->header.tensors.size());
  int compared = 0;
  for (const ModelTensor& t : expected->header.tensors) {
    SCOPED_TRACE(t.name);
    const ModelTensor* ours = written->header.tensor(t.name);
    ASSERT_TRUE(ours);
    EXPECT_EQ(ours->ne, t.ne);
    if (t.name.find("_exps.") == std::string::npos) continue;
    EXPECT_EQ(ours->type, t.type);
    EXPECT_EQ(decoded(*written, *ours), decoded(*expected, t));
    ++compared;
  }
  EXPECT_EQ(compared, 18);
}

INSTANTIATE_TEST_SUITE_P(All, PairedExperts, testing::Values("gpt-oss", "gpt-oss-mxfp4"), [](const auto& one) {
  return std::string_view(one.param).ends_with("mxfp4") ? "mxfp4" : "floats";
});

}  // namespace
}  // namespace lemma::test
