// Models whose matrices have 512 inputs and more, BF16 and DeepSeek's 8-bit floats with blocks that are cut off,
// against logits that transformers computed in float32 over the same weights (tests/goldens/make_wide_goldens.py).
// Class reference (max |difference| <= 2e-3, the same argmax where the margin is above 0.01, greedy tokens equal) on
// the reference backend and wherever the fast one computes in floats; class divergence (divergence.h) of prompts where
// the processor multiplies BF16, which are also held against what transformers computed with activations rounded alike.
#include "kernels/api/backend_list.h"
#include "tests/model/counted_folder.h"
#include "tests/model/divergence.h"
#include "tests/model/golden_rows.h"
#include "tests/support/backend_names.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

constexpr int kOneBatch = 256;

struct WideForm {
  const char* golden;
  bool folder;
  friend std::ostream& operator<<(std::ostream& out, const WideForm& f) {
    std::string name = std::string(f.golden) + (f.folder ? "_folder" : "_gguf");
    std::ranges::replace(name, '-', '_');
    return out << name;
  }
};

const WideForm kWideForms[] = {{"qwen2-bf16", false}, {"qwen2-bf16", true}, {"deepseek3-fp8", true}};

// A form of a model, written anew for each test.
class WideModel {
 public:
  explicit WideModel(const WideForm& form) : kept(form.golden) {
    path_ = form.folder ? folder_.path().string() : folder_ / "model.gguf";
    EXPECT_TRUE(form.folder ? writeCountedFolder(kept.golden, folder_.path()) : countedModel(kept.golden).write(path_));
  }

  std::unique_ptr<Model> load(const std::string& backend, const std::string& target) const {
    auto model = Model::load(
        {.path = path_, .batch = kOneBatch, .threads = 2, .kvType = "f32", .backend = backend, .target = target});
    if (!model) throw std::runtime_error(model.error().what);
    return std::move(*model);
  }

  std::vector<int> ids(const char* prompt) const {
    return kept.golden["prompts"][prompt]["ids"].get<std::vector<int>>();
  }

  const KeptRows kept;

 private:
  const TemporaryFolder folder_;
  std::string path_;
};

class WideFloats : public testing::TestWithParam<std::tuple<WideForm, std::string>> {  // form, cpu target or reference
 protected:
  void SetUp() override {
    const std::string device = std::get<1>(GetParam());
    model_ = device == "reference" ? wide_.load(device, "") : wide_.load("cpu", device);
  }

  void expectLogits(int chunk) {
    wide_.kept.expect([&](const std::string&, const std::vector<int>& ids) { return logitsOf(*model_, ids, chunk); });
  }

  const WideModel wide_{std::get<0>(GetParam())};
  std::unique_ptr<Model> model_;
};

TEST_P(WideFloats, oneBatch) { expectLogits(kOneBatch); }

TEST_P(WideFloats, chunksOfSeven) { expectLogits(7); }

TEST_P(WideFloats, tokenByToken) { expectLogits(1); }

TEST_P(WideFloats, greedyTokens) {
  const auto expected = wide_.kept.golden["greedy_from_short"]["ids"].get<std::vector<int>>();
  EXPECT_EQ(greedy(*model_, wide_.ids("short"), int(expected.size())), expected);
}

std::vector<std::string> devicesInFloats() {
  std::vector<std::string> out{"reference"};
  for (const std::string_view target : cpuTargets()) {
    if (target != "bf16") out.emplace_back(target);
  }
#if defined(__SANITIZE_ADDRESS__)
  if (out.size() > 2) out.erase(out.begin() + 1, out.end() - 1);  // kernels are not instrumented, one target is enough
#endif
  return out;
}

std::string wideLabel(const testing::TestParamInfo<WideFloats::ParamType>& info) {
  return testing::PrintToString(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
}

INSTANTIATE_TEST_SUITE_P(Models, WideFloats,
                         testing::Combine(testing::ValuesIn(kWideForms), testing::ValuesIn(devicesInFloats())),
                         wideLabel);

// The target that rounds what prompts multiply with such matrices.
class WideRounded : public testing::TestWithParam<WideForm> {
 protected:
  void SetUp() override {
    if (std::ranges::count(cpuTargets(), "bf16") == 0) GTEST_SKIP() << "this processor has no products of BF16";
    rounded_ = wide_.load("cpu", "bf16");
    floats_ = wide_.load("cpu", "vnni");
  }

  // Those rows of `all` that the golden keeps.
  std::vector<float> keptOf(const char* prompt, const std::vector<float>& all) const {
    const auto vocabulary = ptrdiff_t(rounded_->info().vocabulary);
    std::vector<float> out;
    for (const auto& position : wide_.kept.golden["prompts"][prompt]["positions"]) {
      const auto row = all.begin() + position.get<ptrdiff_t>() * vocabulary;
      out.insert(out.end(), row, row + vocabulary);
    }
    return out;
  }

  // The golden's rows of a prompt: `logits` holds those of all prompts behind each other.
  std::vector<float> goldenOf(const char* prompt, const Npy& logits) const {
    size_t first = 0;
    for (const char* before : {"short", "mid40", "long200"}) {
      const size_t count = wide_.kept.golden["prompts"][before]["positions"].size();
      if (std::string_view(before) == prompt) {
        return {logits.row(int64_t(first)), logits.row(int64_t(first + count))};
      }
      first += count;
    }
    return {};
  }

  const WideModel wide_{GetParam()};
  std::unique_ptr<Model> rounded_, floats_;
};

TEST_P(WideRounded, promptsDivergeLittle) {
  const auto reference = wide_.load("reference", "");
  const int vocabulary = rounded_->info().vocabulary;
  for (const char* prompt : {"mid40", "long200"}) {
    const std::vector<int> ids = wide_.ids(prompt);
    const std::vector<float> exact = logitsOf(*reference, ids, kOneBatch);
    for (const int chunk : {kOneBatch, 20}) {
      SCOPED_TRACE(std::string(prompt) + " in chunks of " + std::to_string(chunk));
      const std::vector<float> got = logitsOf(*rounded_, ids, chunk);
      const Divergence d = expectClose(goldenOf(prompt, wide_.kept.logits), keptOf(prompt, got), vocabulary);
      expectClose(exact, got, vocabulary);
      EXPECT_GT(d.mean, 1e-6) << "nothing was rounded: was it computed in floats?";
      EXPECT_NE(got, logitsOf(*floats_, ids, chunk));
      RecordProperty(std::string(prompt) + "_" + std::to_string(chunk),
                     std::to_string(d.mean) + " mean, " + std::to_string(d.worst) + " worst");
    }
  }
}

// Sums of another order move some activations over to the next BF16, and more of them behind every matrix: transformers
// with sums of 64 bits is 0.51 to 0.55 of what rounding moves from itself with sums of 32. One kind of matrix that is
// not rounded makes 0.79 to 1.24, but the head, which this does not see.
TEST_P(WideRounded, promptsAreRoundedAsInTheReferenceImplementation) {
  const Npy expected = readNpy(wide_.kept.folder / "logits_rounded.npy");
  for (const char* prompt : {"mid40", "long200"}) {
    SCOPED_TRACE(prompt);
    const std::vector<float> want = goldenOf(prompt, expected), plain = goldenOf(prompt, wide_.kept.logits);
    const std::vector<float> got = keptOf(prompt, logitsOf(*rounded_, wide_.ids(prompt), kOneBatch));
    ASSERT_EQ(got.size(), want.size());
    double off = 0, moved = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      off += std::pow(double(got[i]) - double(want[i]), 2);
      moved += std::pow(double(plain[i]) - double(want[i]), 2);
    }
    EXPECT_LT(std::sqrt(off / moved), 0.65);
    RecordProperty(prompt, std::to_string(std::sqrt(off / moved)));
  }
}

TEST_P(WideRounded, upToEightRowsAreTheBitsOfFloats) {
  for (const char* prompt : {"short", "mid40", "long200"}) {
    for (const int chunk : {8, 7, 1}) {
      SCOPED_TRACE(std::string(prompt) + " in chunks of " + std::to_string(chunk));
      expectSameBits(logitsOf(*rounded_, wide_.ids(prompt), chunk), logitsOf(*floats_, wide_.ids(prompt), chunk));
    }
  }
}

TEST_P(WideRounded, upToEightRowsAreOfTheReferenceClass) {
  for (const int chunk : {7, 1}) {
    wide_.kept.expect([&](const std::string&, const std::vector<int>& ids) { return logitsOf(*rounded_, ids, chunk); });
  }
}

INSTANTIATE_TEST_SUITE_P(Models, WideRounded, testing::ValuesIn(kWideForms), testing::PrintToStringParamName());

}  // namespace
}  // namespace lemma::test
