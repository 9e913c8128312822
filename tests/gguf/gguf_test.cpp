// What right files give: values, tensors, typed reads, identity, mapping.
#include "engine/gguf/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <random>

#include "engine/gguf/gguf_file.h"
#include "engine/model_file/checked.h"
#include "engine/model_file/content_id.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/temporary_folder.h"

namespace lemma {
namespace {

struct Fixture {
  std::vector<std::byte> bytes;
  GgufHeader header;
};

Fixture parsed(const GgufWriter& writer, uint32_t version = 3) {
  Fixture f{writer.bytes(version), {}};
  auto header = parseGguf(f.bytes, f.bytes.size());
  EXPECT_TRUE(header) << header.error().what;
  if (header) f.header = std::move(*header);
  return f;
}

TEST(Gguf, readsEveryScalarType) {
  RawBytes raw;
  raw.header(0, 12);
  raw.key("u8", GgufType::u8).le(uint8_t(200));
  raw.key("i8", GgufType::i8).le(int8_t(-3));
  raw.key("u16", GgufType::u16).le(uint16_t(65535));
  raw.key("i16", GgufType::i16).le(int16_t(-300));
  raw.key("u32", GgufType::u32).le(uint32_t(4'000'000'000));
  raw.key("i32", GgufType::i32).le(int32_t(-70000));
  raw.key("f32", GgufType::f32).le(1.5f);
  raw.key("bool", GgufType::boolean).le(uint8_t(1));
  raw.key("string", GgufType::string).str("smol");
  raw.key("u64", GgufType::u64).le(uint64_t(1) << 63);
  raw.key("i64", GgufType::i64).le(int64_t(-5));
  raw.key("f64", GgufType::f64).le(2.25);
  const auto header = parseGguf(raw.bytes, raw.bytes.size());
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->find("u8")->asU64(), 200u);
  EXPECT_EQ(header->find("i8")->asI64(), -3);
  EXPECT_EQ(header->find("i8")->asU64(), std::nullopt);
  EXPECT_EQ(header->find("u16")->asU64(), 65535u);
  EXPECT_EQ(header->find("i16")->asI64(), -300);
  EXPECT_EQ(header->find("u32")->asI64(), 4'000'000'000);
  EXPECT_EQ(header->find("i32")->asI64(), -70000);
  EXPECT_EQ(header->find("f32")->asF64(), 1.5);
  EXPECT_EQ(header->find("f32")->asU64(), std::nullopt);
  EXPECT_EQ(header->find("bool")->asBool(), true);
  EXPECT_EQ(header->find("bool")->asU64(), std::nullopt);
  EXPECT_EQ(header->find("string")->asString(), "smol");
  EXPECT_EQ(header->find("u64")->asU64(), uint64_t(1) << 63);
  EXPECT_EQ(header->find("u64")->asI64(), std::nullopt);
  EXPECT_EQ(header->find("i64")->asI64(), -5);
  EXPECT_EQ(header->find("f64")->asF64(), 2.25);
  EXPECT_EQ(header->find("absent"), nullptr);
  EXPECT_EQ(header->kv[8].first, "string");
}

TEST(Gguf, readsArrays) {
  const std::vector<std::string> words = {"", "a", "longer than the short-string buffer of the library"};
  const auto f = parsed(GgufWriter().strings("words", words).i32s("ints", {-1, 0, 7}).f32s("floats", {0.5f, -2.f}));
  const auto strings = f.header.find("words")->asStringArray();
  ASSERT_TRUE(strings);
  EXPECT_EQ(strings->size(), 3u);
  EXPECT_EQ(std::vector<std::string>(strings->begin(), strings->end()), words);
  EXPECT_EQ(f.header.find("ints")->asI32Array(), (std::vector<int32_t>{-1, 0, 7}));
  EXPECT_EQ(f.header.find("ints")->asU64Array(), std::nullopt);
  EXPECT_EQ(f.header.find("floats")->asF32Array(), (std::vector<float>{0.5f, -2.f}));
  EXPECT_EQ(f.header.find("floats")->asI32Array(), std::nullopt);
  EXPECT_EQ(f.header.find("words")->asF32Array(), std::nullopt);
  EXPECT_EQ(f.header.find("ints")->elementType(), GgufType::i32);
}

TEST(Gguf, stringWalkStopsWhenTheFileChangedUnderIt) {
  auto f = parsed(GgufWriter().strings("words", std::vector<std::string>{"one", "two", "three"}));
  const auto strings = *f.header.find("words")->asStringArray();
  const uint64_t huge = std::numeric_limits<uint64_t>::max() - 3;
  std::memcpy(f.bytes.data() + f.bytes.size() - 5 - 8, &huge, 8);  // the length of "three"
  EXPECT_EQ(std::vector<std::string>(strings.begin(), strings.end()), (std::vector<std::string>{"one", "two"}));
}

TEST(Gguf, placesTensors) {
  const auto f = parsed(GgufWriter()
                            .alignment(64)
                            .tensor("a", {2, 3}, {1, 2, 3, 4, 5, 6})
                            .tensor("b", Type::F16, {4}, std::vector<std::byte>(8)));
  ASSERT_EQ(f.header.tensors.size(), 2u);
  EXPECT_EQ(f.header.alignment, 64u);
  const ModelTensor* a = f.header.tensor("a");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->rank, 2);
  EXPECT_EQ(a->ne, (std::array<int64_t, 4>{2, 3, 1, 1}));
  EXPECT_EQ(a->bytes, 24u);
  EXPECT_EQ(a->offset, f.header.dataOffset);
  EXPECT_EQ(a->offset % 64, 0u);
  float third;
  std::memcpy(&third, f.bytes.data() + a->offset + 8, 4);
  EXPECT_EQ(third, 3.f);
  EXPECT_EQ(f.header.tensor("b")->offset, a->offset + 64);
  EXPECT_EQ(f.header.tensor("c"), nullptr);
  EXPECT_EQ(f.header.tensor(""), nullptr);
}

TEST(Gguf, headerSurvivesCopyAndMove) {
  auto f = parsed(GgufWriter().u32("x", 7).u32("a", 8).tensor("t", {1}, {1}).tensor("s", {1}, {1}));
  const GgufHeader copy = f.header;
  const GgufHeader moved = std::move(f.header);
  for (const GgufHeader* h : {&copy, &moved}) {
    EXPECT_EQ(*h->u64("x"), 7u);
    EXPECT_EQ(*h->u64("a"), 8u);
    EXPECT_EQ(h->tensor("s")->name, "s");
  }
}

TEST(Gguf, versionTwoIsRead) {
  const auto f = parsed(GgufWriter().str("general.name", "old").tensor("t", {1}, {1}), 2);
  EXPECT_EQ(f.header.version, 2u);
  EXPECT_EQ(*f.header.str("general.name"), "old");
}

TEST(Gguf, emptyFileOfNoKeysIsRead) {
  const auto f = parsed(GgufWriter());
  EXPECT_TRUE(f.header.kv.empty());
  EXPECT_EQ(f.header.headerBytes, 24u);
}

TEST(Gguf, typesThatAreNotComputedAreStillRead) {
  RawBytes raw;
  raw.header(1, 0).tensor("experts", {256, 2}, 16, 0).pad().zeros(2 * 66);  // IQ2_XXS
  const auto header = parseGguf(raw.bytes, raw.bytes.size());
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->tensors[0].bytes, 2u * 66);
}

TEST(Gguf, typedReadsNameTheKey) {
  const auto f = parsed(GgufWriter()
                            .str("s", "text")
                            .i32("negative", -1)
                            .f32("nan", std::numeric_limits<float>::quiet_NaN())
                            .f32("f", 0.25f)
                            .boolean("yes", true));
  const GgufHeader& h = f.header;
  EXPECT_EQ(h.u64("absent").error(), (Error{Err::notFound, "the key \"absent\" is missing"}));
  EXPECT_EQ(h.u64("s").error().code, Err::badValue);
  EXPECT_EQ(h.u64("negative").error().code, Err::badValue);
  EXPECT_NE(h.u64("negative").error().what.find("\"negative\""), std::string::npos);
  EXPECT_EQ(h.f64("nan").error().code, Err::badValue);
  EXPECT_EQ(h.str("f").error().code, Err::badValue);
  EXPECT_EQ(h.flag("f").error().code, Err::badValue);
  EXPECT_EQ(*h.f64("f"), 0.25);
  EXPECT_EQ(*h.str("s"), "text");
  EXPECT_EQ(*h.flag("yes"), true);
  EXPECT_EQ(*h.u64Or("absent", 9), 9u);
  EXPECT_EQ(*h.f64Or("absent", 0.5), 0.5);
  EXPECT_EQ(*h.strOr("absent", "x"), "x");
  EXPECT_EQ(*h.flagOr("absent", true), true);
  EXPECT_EQ(h.u64Or("s", 9).error().code, Err::badValue);
  EXPECT_EQ(h.strOr("f", "x").error().code, Err::badValue);
}

TEST(Gguf, quotedNameIsFitForASentence) {
  EXPECT_EQ(quotedName("blk.0"), "\"blk.0\"");
  EXPECT_EQ(quotedName("a\n\xff\x7f"), "\"a???\"");
  EXPECT_EQ(quotedName(std::string(100, 'x')), "\"" + std::string(64, 'x') + "...\"");
}

std::string idOf(const Fixture& f) {
  return contentId({{std::span(f.bytes).first(f.header.headerBytes), f.header.fileBytes}});
}

TEST(Gguf, contentIdKnowsHeaderAndSizeOnly) {
  const GgufWriter writer = GgufWriter().str("general.name", "m").tensor("t", {2}, {1, 2});
  auto f = parsed(writer);
  const std::string id = idOf(f);
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  f.bytes.back() = std::byte{9};  // weights are not read
  EXPECT_EQ(idOf(f), id);
  Fixture longer = f;
  longer.header.fileBytes += 32;
  EXPECT_NE(idOf(longer), id);
  f.bytes[f.header.headerBytes - 1] = std::byte{1};
  EXPECT_NE(idOf(f), id);
}

// Pinned: a stored identity must mean the same file after an update of the program.
TEST(Gguf, contentIdStaysWhatItWas) {
  EXPECT_EQ(idOf(parsed(GgufWriter().str("general.name", "pinned"))), "4f9e7cde85c46167b7d6e63479fd3ca0");
}

TEST(Gguf, randomFilesRoundTrip) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    GgufWriter writer;
    std::vector<std::pair<std::string, uint32_t>> keys;
    std::vector<std::pair<std::string, size_t>> tensors;
    for (unsigned i = random() % 40; i-- > 0;) {
      keys.emplace_back("key." + std::to_string(random()), random());
      writer.u32(keys.back().first, keys.back().second);
    }
    for (unsigned i = random() % 40; i-- > 0;) {
      tensors.emplace_back("tensor." + std::to_string(random()), 1 + random() % 50);
      writer.tensor(tensors.back().first, {tensors.back().second}, std::vector<float>(tensors.back().second, float(i)));
    }
    const auto f = parsed(writer);
    ASSERT_EQ(f.header.kv.size(), keys.size());
    for (const auto& [key, value] : keys) EXPECT_EQ(*f.header.u64(key), value);
    for (const auto& [name, count] : tensors) EXPECT_EQ(f.header.tensor(name)->bytes, count * 4);
  }
}

TEST(Checked, arithmetic) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(checkedAdd(kMax, 1), std::nullopt);
  EXPECT_EQ(checkedAdd(kMax - 1, 1), kMax);
  EXPECT_EQ(checkedMul(uint64_t(1) << 32, uint64_t(1) << 32), std::nullopt);
  EXPECT_EQ(checkedMul(3, 4), 12u);
  EXPECT_EQ(checkedAlignUp(kMax - 5, 32), std::nullopt);
  EXPECT_EQ(checkedAlignUp(33, 32), 64u);
  EXPECT_EQ(checkedAlignUp(64, 32), 64u);
}

TEST(GgufFile, opensAndNamesThePathInErrors) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(GgufWriter().u32("x", 5).write(folder / "good.gguf"));
  const auto good = openGguf(folder / "good.gguf");
  ASSERT_TRUE(good) << good.error().what;
  EXPECT_EQ(*good->header.u64("x"), 5u);

  const auto missing = openGguf(folder / "missing.gguf");
  EXPECT_EQ(missing.error().code, Err::notFound);
  EXPECT_NE(missing.error().what.find("missing.gguf"), std::string::npos);
  EXPECT_EQ(openGguf(folder.path().string()).error().code, Err::unreadable);
  std::ofstream empty(folder / "empty.gguf");
  EXPECT_EQ(openGguf(folder / "empty.gguf").error().code, Err::truncated);
  std::ofstream(folder / "text.gguf") << "a letter to someone";
  const auto text = openGguf(folder / "text.gguf");
  EXPECT_EQ(text.error().code, Err::badMagic);
  EXPECT_NE(text.error().what.find("text.gguf: "), std::string::npos);
}

}  // namespace
}  // namespace lemma
