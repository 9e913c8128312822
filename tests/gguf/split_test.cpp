// Models in several GGUF files, as the gguf package splits them (tests/goldens/make_split_gguf.py). Class: bitwise.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "engine/model_file/model_file.h"
#include "tests/support/temporary_folder.h"

namespace lemma {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(LEMMA_TESTS_DIR) / "goldens/split";

class Split : public testing::Test {
 protected:
  void SetUp() override { fs::copy(kFolder, folder_, fs::copy_options::recursive); }
  std::string part(int i) const { return (folder_ / ("parts-0000" + std::to_string(i) + "-of-00003.gguf")).string(); }
  static std::string refusal(const std::string& path) {
    const auto file = openModel(path);
    return file ? "" : file.error().what;
  }

  const test::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(Split, theFirstFileOpensAll) {
  const auto whole = openModel((folder_ / "whole.gguf").string()), parts = openModel(part(1));
  ASSERT_TRUE(whole) << whole.error().what;
  ASSERT_TRUE(parts) << parts.error().what;
  EXPECT_EQ(parts->parts.size(), 3u);
  EXPECT_EQ(parts->bytes, fs::file_size(part(1)) + fs::file_size(part(2)) + fs::file_size(part(3)));
  EXPECT_EQ(*parts->header.str("general.name"), "split");
  for (const ModelFile* file : {&*whole, &*parts}) {
    ASSERT_EQ(file->header.tensors.size(), 5u);
    for (int i = 0; i < 5; ++i) {
      const ModelTensor* t = file->header.tensor("t." + std::to_string(i));
      ASSERT_TRUE(t);
      EXPECT_EQ(t->ne, (std::array<int64_t, 4>{32, 2 + i, 1, 1}));
      std::vector<float> values(size_t(32 * (2 + i)));
      ASSERT_EQ(t->bytes, values.size() * sizeof(float));
      std::memcpy(values.data(), file->parts[t->part].bytes.data() + t->offset, t->bytes);
      for (size_t j = 0; j < values.size(); ++j) ASSERT_EQ(values[j], float(1000 * i) + float(j));
    }
  }
}

TEST_F(Split, aFileThatIsMissingShortOrNotTheFirstIsNamed) {
  EXPECT_NE(refusal(part(2)).find(part(2)), std::string::npos) << refusal(part(2));
  fs::resize_file(part(3), fs::file_size(part(3)) - 200);
  EXPECT_NE(refusal(part(1)).find(part(3)), std::string::npos) << refusal(part(1));
  fs::copy(part(2), part(3), fs::copy_options::overwrite_existing);
  EXPECT_NE(refusal(part(1)).find(part(3)), std::string::npos) << refusal(part(1));
  fs::remove(part(3));
  EXPECT_NE(refusal(part(1)).find(part(3)), std::string::npos) << refusal(part(1));
}

}  // namespace
}  // namespace lemma
