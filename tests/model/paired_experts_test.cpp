// Experts of gpt-oss's folders as they are found: shapes and types that are others are refused, scales that are no
// numbers name their tensor.
#include "engine/hf_folder/paired_experts.h"

#include "tests/model/counted_folder.h"
#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"
#include "tests/support/goldens.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

struct Case {
  const char* what;
  const char* name;  // behind "blk.0."
  Type type;
  std::vector<int64_t> ne;
};

const Case kHostile[] = {
    {"blocks of another size", "ffn_gate_up_exps.blocks", Type::U8, {15, 2, 4, 3}},
    {"blocks that are floats", "ffn_gate_up_exps.blocks", Type::F32, {16, 2, 4, 3}},
    {"blocks without experts", "ffn_gate_up_exps.blocks", Type::U8, {16, 2, 4}},
    {"an odd number of rows", "ffn_gate_up_exps.blocks", Type::U8, {16, 2, 5, 3}},
    {"an odd number of outputs", "ffn_gate_up_exps.weight", Type::BF16, {5, 64, 3}},
    {"an odd number of biases", "ffn_gate_up_exps.bias", Type::BF16, {5, 3}},
    {"scales that are floats", "ffn_down_exps.scales", Type::F32, {2, 4, 3}},
    {"scales without experts", "ffn_down_exps.scales", Type::U8, {2, 4}},
    {"a matrix for all", "ffn_down_exps.weight", Type::BF16, {4, 64}},
    {"a bias for all", "ffn_down_exps.bias", Type::BF16, {4}},
    {"a matrix of four dimensions", "ffn_down_exps.weight", Type::BF16, {4, 4, 4, 4}},
};

TEST(PairedExperts, hostileOnesAreRefusedByName) {
  for (const Case& c : kHostile) {
    SCOPED_TRACE(c.what);
    ModelTensor t{.name = std::string("blk.0.") + c.name, .type = c.type, .rank = int(c.ne.size())};
    std::ranges::copy(c.ne, t.ne.begin());
    std::vector<ModelTensor> tensors{t};
    const auto apart = takePairedExpertsApart(tensors);
    ASSERT_FALSE(apart);
    EXPECT_EQ(apart.error().code, Err::badValue);
    EXPECT_NE(apart.error().what.find(t.name), std::string::npos) << apart.error().what;
  }
}

TEST(PairedExperts, namesThatAreNotTheirsStay) {
  for (const char* name : {"ffn_gate_up_exps.weight.x", "ffn_gate_up_exps", "", ".", "ffn_gate_up_exp.weight"}) {
    std::vector<ModelTensor> tensors{{.name = name, .type = Type::F32, .rank = 1, .ne = {3, 1, 1, 1}, .bytes = 12}};
    ASSERT_TRUE(takePairedExpertsApart(tensors)) << name;
    ASSERT_EQ(tensors.size(), 1u);
    EXPECT_EQ(tensors[0].name, name);
    EXPECT_EQ(spanOf(tensors[0]), 12u);
  }
}

// Both lie in the bytes of the one tensor that they were, and no further.
TEST(PairedExperts, gateAndUpLieWhereTheyLay) {
  ModelTensor t{
      .name = "blk.7.ffn_gate_up_exps.blocks", .type = Type::U8, .rank = 4, .ne = {16, 2, 6, 3}, .offset = 100};
  t.bytes = 16 * 2 * 6 * 3;
  std::vector<ModelTensor> tensors{t};
  ASSERT_TRUE(takePairedExpertsApart(tensors));
  ASSERT_EQ(tensors.size(), 2u);
  for (size_t i : {0u, 1u}) {
    EXPECT_EQ(tensors[i].name, i == 0 ? "blk.7.ffn_gate_exps.weight" : "blk.7.ffn_up_exps.weight");
    EXPECT_EQ(tensors[i].type, Type::F4_E2M1);
    EXPECT_EQ(tensors[i].ne, (std::array<int64_t, 4>{64, 3, 3, 1}));
    EXPECT_EQ(tensors[i].bytes, t.bytes / 2);
    EXPECT_EQ(tensors[i].offset, 100 + 32 * i);
  }
  EXPECT_EQ(tensors[1].offset + spanOf(tensors[1]), 100 + t.bytes);
}

nlohmann::json golden() {
  return nlohmann::json::parse(
      readText(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models/gpt-oss-mxfp4/golden.json"));
}

// Overwrites the first byte of a tensor of the folder, or takes it out.
void spoil(const std::string& path, const std::string& tensor, std::optional<char> byte) {
  std::string bytes = readText(path);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  auto header = nlohmann::json::parse(bytes.substr(8, length));
  std::string data = bytes.substr(8 + length);
  if (byte) {
    data[header.at(tensor)["data_offsets"][0].get<size_t>()] = *byte;
  } else {
    header["another"] = header.at(tensor);
    header.erase(tensor);
  }
  std::ofstream(path, std::ios::binary) << safetensorsOf(header.dump(), data);
}

TEST(PairedExperts, scalesThatAreAbsentOrNoNumberAreNamed) {
  const std::string down = "model.layers.1.mlp.experts.down_proj_scales";
  {
    const TemporaryFolder folder;
    ASSERT_TRUE(writeCountedFolder(golden(), folder.path()));
    spoil(folder / "model.safetensors", down, std::nullopt);
    const auto model = Model::load({.path = folder.path().string(), .threads = 1});
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Err::notFound);
    EXPECT_NE(model.error().what.find("blk.1.ffn_down_exps.weight_scales"), std::string::npos) << model.error().what;
  }
  const TemporaryFolder folder;
  ASSERT_TRUE(writeCountedFolder(golden(), folder.path()));
  spoil(folder / "model.safetensors", down, char(255));
  const auto model = Model::load({.path = folder.path().string(), .threads = 1});
  ASSERT_TRUE(model) << model.error().what;
  Batch batch;
  const SeqId seq = (*model)->newSequence();
  for (int i = 0; i < 40; ++i) batch.add(Token(i), i, seq, true);
  const auto logits = (*model)->forward(batch, CancelFlag(false));
  ASSERT_FALSE(logits);
  EXPECT_NE(logits.error().what.find("blk.1.ffn_down_exps.weight"), std::string::npos) << logits.error().what;
}

}  // namespace
}  // namespace lemma::test
