// Writing a model anew: what is written, that work goes on after it was cut short, and what is refused.
// Class: bitwise, against the types' own writers.
#include "engine/quantise/quantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/quantise/small_model.h"
#include "tests/support/goldens.h"
#include "tests/support/temporary_folder.h"

namespace lemma {
namespace {

using test::kColumns;
using test::kRows;

class Quantise : public testing::Test {
 protected:
  void SetUp() override {
    in_ = folder_ / "in.gguf";
    out_ = folder_ / "out.gguf";
  }

  void write(const GgufWriter& w) {
    ASSERT_TRUE(w.write(in_));
    auto file = openGguf(in_);
    ASSERT_TRUE(file) << file.error().what;
    file_ = std::move(*file);
  }
  static QuantiseOptions options(std::string_view recipe, int threads = 2) {
    return {.recipe = *findRecipe(recipe), .threads = threads};
  }
  Result<Quantised> run(const QuantiseOptions& o, const std::function<void(const QuantiseProgress&)>& told = {}) {
    return quantise(file_, out_, o, told, cancel_);
  }
  std::vector<std::byte> written() const { return test::readBytes(out_); }

  const test::TemporaryFolder folder_;
  std::string in_, out_;
  ModelFile file_;
  CancelFlag cancel_{false};
};

TEST_F(Quantise, keepsMetadataAndWritesTheTypesOfTheRecipe) {
  write(test::smallModel());
  const auto done = run(options("Q4_K_M"));
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_FALSE(std::filesystem::exists(out_ + ".part"));
  EXPECT_FALSE(std::filesystem::exists(out_ + ".part.log"));

  const auto out = openGguf(out_);
  ASSERT_TRUE(out) << out.error().what;
  const ModelHeader& h = out->header;
  for (const auto& [key, value] : file_.header.kv) {
    if (key == "general.file_type") continue;
    const GgufValue* copy = h.find(key);
    if (key.starts_with("split.")) {
      EXPECT_EQ(copy, nullptr) << key;
      continue;
    }
    ASSERT_TRUE(copy) << key;
    EXPECT_EQ(copy->type(), value.type()) << key;
    EXPECT_EQ(copy->count(), value.count()) << key;
    EXPECT_TRUE(std::ranges::equal(copy->raw(), value.raw())) << key;
  }
  EXPECT_EQ(*h.u64("general.file_type"), 15u);
  EXPECT_EQ(*h.u64("general.quantization_version"), 2u);

  const auto type = [&](const std::string& name) {
    const ModelTensor* t = h.tensor(name);
    return t ? typeInfo(t->type)->name : "none";
  };
  EXPECT_EQ(type("token_embd.weight"), "Q4_K");
  EXPECT_EQ(type("output.weight"), "Q6_K");
  EXPECT_EQ(type("output_norm.weight"), "F32");
  EXPECT_EQ(type("blk.1.attn_q.weight"), "Q4_K");
  EXPECT_EQ(type("blk.1.attn_q.bias"), "F32");
  EXPECT_EQ(type("blk.1.attn_v.weight"), "Q6_K");
  EXPECT_EQ(type("blk.0.ffn_down.weight"), "Q6_K");  // the first eighth
  EXPECT_EQ(type("blk.1.ffn_down.weight"), "Q4_K");
  EXPECT_EQ(type("blk.3.ffn_down.weight"), "Q6_K");  // every third
  EXPECT_EQ(type("blk.7.ffn_down.weight"), "Q6_K");  // the last eighth
  EXPECT_EQ(type("blk.1.ffn_gate_inp.weight"), "F32");
  EXPECT_EQ(type("blk.1.ffn_up_exps.weight"), "Q4_K");
  EXPECT_EQ(type("blk.1.ffn_up.weight"), "Q5_0");   // rows of 96
  EXPECT_EQ(type("blk.1.ffn_gate.weight"), "F16");  // rows of 40
  EXPECT_EQ(done->bytesTo, std::filesystem::file_size(out_));
}

TEST_F(Quantise, tensorsAreWhatTheirTypesWrite) {
  write(test::smallModel());
  for (const std::string_view recipe : recipeNames()) {
    SCOPED_TRACE(std::string(recipe));
    ASSERT_TRUE(run(options(recipe, 3)));
    const auto out = openGguf(out_);
    ASSERT_TRUE(out) << out.error().what;
    for (const ModelTensor& from : file_.header.tensors) {
      const ModelTensor& to = *out->header.tensor(from.name);
      const TypeInfo& info = *typeInfo(to.type);
      const int64_t n = int64_t(from.bytes / sizeof(float));
      std::vector<float> in(static_cast<size_t>(n));
      std::memcpy(in.data(), file_.parts[0].bytes.data() + from.offset, from.bytes);
      std::vector<std::byte> expected(to.bytes);
      if (info.encodeBest) {
        info.encodeBest(in.data(), nullptr, expected.data(), n);
      } else {
        info.encode(in.data(), expected.data(), n);
      }
      EXPECT_EQ(std::memcmp(expected.data(), out->parts[0].bytes.data() + to.offset, to.bytes), 0) << from.name;
    }
  }
}

TEST_F(Quantise, sameBytesForAnyNumberOfThreads) {
  write(test::smallModel());
  ASSERT_TRUE(run(options("Q3_K_M", 1)));
  const auto once = written();
  ASSERT_TRUE(run(options("Q3_K_M", 5)));
  EXPECT_EQ(written(), once);
}

TEST_F(Quantise, tiedTablesAreHeads) {
  write(test::smallModel(true));
  const auto types = chooseTypes(file_.header, *findRecipe("Q2_K"), {});
  ASSERT_TRUE(types);
  EXPECT_EQ((*types)[0], Type::Q6_K);
}

TEST_F(Quantise, rulesOfThePersonGoFirst) {
  write(test::smallModel());
  const TypeRule rules[] = {{"blk.3.*", Type::Q8_0}, {"*attn_q.weight", Type::Q5_K}, {"*ffn_up.weight", Type::Q6_K}};
  const auto types = chooseTypes(file_.header, *findRecipe("Q4_K_M"), rules);
  ASSERT_TRUE(types);
  const auto type = [&](const std::string& name) {
    return (*types)[size_t(file_.header.tensor(name) - file_.header.tensors.data())];
  };
  EXPECT_EQ(type("blk.3.attn_q.weight"), Type::Q8_0);
  EXPECT_EQ(type("blk.3.ffn_gate_inp.weight"), Type::Q8_0);
  EXPECT_EQ(type("blk.3.attn_q.bias"), Type::F32);  // a vector stays one
  EXPECT_EQ(type("blk.4.attn_q.weight"), Type::Q5_K);
  EXPECT_EQ(type("blk.4.ffn_up.weight"), Type::Q8_0);  // rows of 96
  const TypeRule unwritable[] = {{"*", Type::IQ1_S}};
  EXPECT_EQ(chooseTypes(file_.header, *findRecipe("Q4_K_M"), unwritable).error().code, Err::unsupported);
}

TEST(Pattern, starsStandForAnyText) {
  EXPECT_TRUE(matchesPattern("*", ""));
  EXPECT_TRUE(matchesPattern("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matchesPattern("a*b*c", "a-b-b-d"));
  EXPECT_FALSE(matchesPattern("a", "ab"));
  EXPECT_TRUE(matchesPattern("blk.?.x*", "blk.?.x"));
}

// Cut short at one tensor after the other, then gone on with: the same file as in one go.
TEST_F(Quantise, goesOnWhereItWasCutShort) {
  write(test::smallModel());
  ASSERT_TRUE(run(options("IQ4_XS", 1)));
  const auto whole = written();
  std::filesystem::remove(out_);
  const size_t tensors = file_.header.tensors.size();
  for (size_t stop = 1; stop < tensors; stop += 6) {
    cancel_ = false;
    size_t seen = 0;
    const auto cut = run(options("IQ4_XS", 1), [&](const QuantiseProgress& p) {
      if (p.tensor->name == file_.header.tensors[stop].name && ++seen == 1) cancel_ = true;
    });
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, Err::cancelled);
    EXPECT_FALSE(std::filesystem::exists(out_));
  }
  cancel_ = false;
  const auto rest = run(options("IQ4_XS", 1));
  ASSERT_TRUE(rest) << rest.error().what;
  EXPECT_GE(rest->resumedTensors, tensors - 8);
  EXPECT_EQ(written(), whole);
}

TEST_F(Quantise, doesNotGoOnWithOtherWork) {
  write(test::smallModel());
  const auto cutShort = [&](const QuantiseOptions& o) {
    cancel_ = false;
    const auto cut = run(o, [&](const QuantiseProgress& p) { cancel_ = p.tensor->name == "blk.4.attn_q.weight"; });
    ASSERT_FALSE(cut);
    cancel_ = false;
  };
  cutShort(options("Q4_K_M"));
  auto other = run(options("Q4_K_S"));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->resumedTensors, 0u);

  cutShort(options("Q4_K_M"));
  Imatrix imatrix;
  imatrix.entries["blk.0.attn_q.weight"] = {kColumns, std::vector<float>(kColumns, 1.0f), {1.0f}};
  QuantiseOptions weighted = options("Q4_K_M");
  weighted.imatrix = &imatrix;
  other = run(weighted);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->resumedTensors, 0u);

  cutShort(options("Q4_K_M"));
  std::filesystem::resize_file(out_ + ".part", 1000);  // the part was lost, the log was not
  other = run(options("Q4_K_M"));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->resumedTensors, 0u);

  for (const char* log : {"", "nonsense", "nonsense\n3\n"}) {
    cutShort(options("Q4_K_M"));
    std::ofstream(out_ + ".part.log") << log;
    other = run(options("Q4_K_M"));
    ASSERT_TRUE(other);
    EXPECT_EQ(other->resumedTensors, 0u);
  }
}

TEST_F(Quantise, importancesArriveByExpert) {
  write(test::smallModel());
  const std::string name = "blk.2.ffn_up_exps.weight";
  Imatrix imatrix;
  Imatrix::Entry& e = imatrix.entries[name];
  e.columns = kColumns;
  for (int expert = 0; expert < 4; ++expert) {
    e.counts.push_back(expert == 3 ? 0.0f : 2.0f);  // nothing went through the last
    for (uint64_t i = 0; i < kColumns; ++i) e.sums.push_back(i % 4 == uint64_t(expert) ? 100.0f : 0.5f);
  }
  imatrix.datasets = {"text.txt"};
  QuantiseOptions o = options("Q2_K");
  o.imatrix = &imatrix;
  o.imatrixName = "small.imatrix";
  const auto done = run(o);
  ASSERT_TRUE(done) << done.error().what;
  const auto out = openGguf(out_);
  ASSERT_TRUE(out);
  EXPECT_EQ(*out->header.str("quantize.imatrix.file"), "small.imatrix");
  EXPECT_EQ(*out->header.u64("quantize.imatrix.entries_count"), 1u);
  const ModelTensor &from = *file_.header.tensor(name), &to = *out->header.tensor(name);
  const uint64_t row = *rowBytes(to.type, kColumns);
  std::vector<float> in(kColumns);
  std::vector<std::byte> expected(row);
  for (uint64_t r = 0; r < 4 * kRows; ++r) {
    std::memcpy(in.data(), file_.parts[0].bytes.data() + from.offset + r * kColumns * 4, kColumns * 4);
    const auto w = imatrix.importance(name, int64_t(r / kRows));
    EXPECT_EQ(w.empty(), r / kRows == 3);
    typeInfo(to.type)->encodeBest(in.data(), w.empty() ? nullptr : w.data(), expected.data(), kColumns);
    EXPECT_EQ(std::memcmp(expected.data(), out->parts[0].bytes.data() + to.offset + r * row, row), 0) << r;
  }

  e.columns = kColumns / 2;  // of another model
  e.sums.resize(e.sums.size() / 2);
  const auto refused = run(o);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Err::badValue);
  EXPECT_NE(refused.error().what.find(name), std::string::npos);
}

TEST_F(Quantise, refusesWithASentence) {
  GgufWriter w = test::smallModel();
  std::vector<float> broken(kColumns * 2, 1.0f);
  broken[700] = NAN;
  w.tensor("blk.9.attn_q.weight", {kColumns, 2}, broken);
  write(w);
  const auto nan = run(options("Q8_0"));
  ASSERT_FALSE(nan);
  EXPECT_EQ(nan.error().what, "the tensor \"blk.9.attn_q.weight\" holds a number that is not finite");
  EXPECT_EQ(findRecipe("Q9_K").error().code, Err::badValue);

  out_ = folder_ / "absent/out.gguf";
  const auto folder = run(options("Q8_0"));
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, Err::unreadable);

  write(GgufWriter().str("general.architecture", "llama"));
  out_ = folder_ / "out.gguf";
  EXPECT_EQ(run(options("Q8_0")).error().code, Err::badValue);
}

}  // namespace
}  // namespace lemma
