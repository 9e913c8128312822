// Pages of the cache as bytes: what one model wrote, another of the same file goes on from. Class bitwise, over every
// backend and type of cache, with grouped heads and with latent attention.
#include <gtest/gtest.h>

#include <cstring>

#include "engine/model.h"
#include "kernels/api/backend_list.h"
#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"
#include "tests/support/goldens.h"

namespace lemma::test {
namespace {

constexpr int kPage = 64;

std::vector<int> someTokens(int count, int vocabulary) {
  std::vector<int> ids;
  for (int i = 0; i < count; ++i) ids.push_back((i * 37 + i * i) % vocabulary);
  return ids;
}

void expectPagesGoOver(const std::string& path, const std::string& backend, const std::string& kvType) {
  SCOPED_TRACE(backend + ", " + kvType);
  const auto load = [&] {
    auto model =
        Model::load({.path = path, .context = 256, .batch = 256, .threads = 2, .kvType = kvType, .backend = backend});
    EXPECT_TRUE(model) << model.error().what;
    return std::move(*model);
  };
  const auto writer = load(), reader = load();
  EXPECT_EQ(writer->cacheShape(), reader->cacheShape());
  const CacheShape shape = reader->cacheShape();
  ASSERT_EQ(shape.pageTokens, uint32_t(kPage));
  const auto ids = someTokens(120, std::min(writer->info().vocabulary, 96));
  constexpr int kHeld = 100;  // a page and a part
  const SeqId from = writer->newSequence(), to = reader->newSequence();
  logitsOf(*writer, from, {ids.begin(), ids.begin() + kHeld}, kHeld);
  std::vector<std::byte> page(shape.pageBytes, std::byte{0xff}), again(shape.pageBytes);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(writer->readPage(from, i, page));
    ASSERT_TRUE(reader->appendPage(to, page, std::min(kPage, kHeld - i * kPage)));
    ASSERT_TRUE(reader->readPage(to, i, again));
    EXPECT_EQ(page, again);
  }
  EXPECT_EQ(reader->length(to), kHeld);
  const auto goOn = [&](Model& model, SeqId seq) {
    Batch batch;
    for (int i = kHeld; i < int(ids.size()); ++i) batch.add(Token(ids[size_t(i)]), i, seq, true);
    const auto logits = model.forward(batch, CancelFlag(false));
    EXPECT_TRUE(logits) << logits.error().what;
    return std::vector<float>(logits->data.begin(), logits->data.end());
  };
  const auto wanted = goOn(*writer, from), got = goOn(*reader, to);
  ASSERT_EQ(wanted.size(), got.size());
  EXPECT_EQ(std::memcmp(wanted.data(), got.data(), wanted.size() * sizeof(float)), 0);
}

TEST(Pages, ofEveryCacheTypeGoOver) {
  const TemporaryFile file;
  ASSERT_TRUE(TinyModel("llama").writer().write(file.path()));
  for (const BackendEntry& entry : backendList()) {
    for (const char* type : {"f16", "q8_0", "fp8", "f32"})
      expectPagesGoOver(file.path(), std::string(entry.name), type);
  }
}

TEST(Pages, ofLatentAttentionGoOver) {
  const auto file = goldens() / "models/deepseek_v3/model-f32.gguf";
  LEMMA_NEED_GOLDENS(file);
  for (const BackendEntry& entry : backendList()) {
    for (const char* type : {"f16", "fp8"}) expectPagesGoOver(file.string(), std::string(entry.name), type);
  }
}

// Behind the sequence's end nothing of another conversation may come out.
TEST(Pages, theRestOfAPageIsZeros) {
  const TemporaryFile file;
  ASSERT_TRUE(TinyModel("llama").writer().write(file.path()));
  const auto model = loadModel(file.path(), "reference", "f32");
  const auto ids = someTokens(kPage, TinyModel::kVocabulary);
  const SeqId seq = model->newSequence();
  logitsOf(*model, seq, ids, kPage);
  model->truncate(seq, 3);
  const CacheShape shape = model->cacheShape();
  std::vector<std::byte> page(shape.pageBytes);
  ASSERT_TRUE(model->readPage(seq, 0, page));
  const size_t row = shape.headDim * sizeof(float);
  size_t used = 0;
  for (size_t at = 0; at < page.size(); at += row) {
    used += std::any_of(page.begin() + ptrdiff_t(at), page.begin() + ptrdiff_t(at + row),
                        [](std::byte b) { return b != std::byte{0}; });
  }
  EXPECT_EQ(used, size_t(3 * 2 * shape.kvHeads * shape.layers));
}

TEST(Pages, whatDoesNotFitIsRefused) {
  const TemporaryFile file;
  ASSERT_TRUE(TinyModel("llama").writer().write(file.path()));
  const auto model = loadModel(file.path(), "reference", "f32");
  const SeqId seq = model->newSequence();
  logitsOf(*model, seq, someTokens(70, TinyModel::kVocabulary), 70);
  std::vector<std::byte> page(model->cacheShape().pageBytes);
  EXPECT_FALSE(model->readPage(seq, 2, page)) << "there is no third page";
  EXPECT_FALSE(model->readPage(seq, -1, page));
  EXPECT_FALSE(model->readPage(seq, 0, std::span(page).first(8)));
  EXPECT_FALSE(model->appendPage(seq, page, 10)) << "it ends within a page";
  model->truncate(seq, kPage);
  EXPECT_FALSE(model->appendPage(seq, page, kPage + 1));
  EXPECT_FALSE(model->appendPage(seq, page, 0));
  EXPECT_FALSE(model->appendPage(seq, std::span(page).first(8), 10));
  EXPECT_TRUE(model->appendPage(seq, page, 10));
  EXPECT_FALSE(model->appendPage(SeqId{99}, page, 10));
  EXPECT_EQ(model->length(seq), kPage + 10);
}

}  // namespace
}  // namespace lemma::test
