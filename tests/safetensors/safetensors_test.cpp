// What right safetensors files give, and broken ones: each row of the table names what it breaks, the error it must
// give and what the sentence must name.
#include "engine/safetensors/safetensors.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/safetensors_writer.h"

namespace lemma::test {
namespace {

std::span<const std::byte> bytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

Result<SafetensorsHeader> parse(const std::string& file) { return parseSafetensors(bytesOf(file), file.size()); }

TEST(Safetensors, readsTensorsInTheOrderOfTheirBytes) {
  const std::string data(2 * 3 * 4 + 2 * 2 + 3, 'x');
  const auto header = parse(safetensorsOf(
      R"({"c":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[28,31]},"__metadata__":{"format":"pt","note":"a"},)"
      R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"shape":[2],"data_offsets":[24,28],"dtype":"BF16"}} )",
      data));
  ASSERT_TRUE(header) << header.error().what;
  ASSERT_EQ(header->tensors.size(), 3u);
  const ModelTensor &a = header->tensors[0], &b = header->tensors[1], &c = header->tensors[2];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.type, Type::F32);
  EXPECT_EQ(a.rank, 2);
  EXPECT_EQ(a.ne, (std::array<int64_t, 4>{3, 2, 1, 1}));  // rows of three
  EXPECT_EQ(a.offset, header->headerBytes);
  EXPECT_EQ(a.bytes, 24u);
  EXPECT_EQ(b.type, Type::BF16);
  EXPECT_EQ(b.offset, header->headerBytes + 24);
  EXPECT_EQ(c.type, Type::F8_E4M3);
  EXPECT_EQ(c.ne[0], 3);
}

TEST(Safetensors, aScalarHasOneElementAndAFileMayHoldNothing) {
  const auto scalar = parse(safetensorsOf(R"({"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}})", "12345678"));
  ASSERT_TRUE(scalar) << scalar.error().what;
  EXPECT_EQ(scalar->tensors[0].rank, 1);
  EXPECT_EQ(scalar->tensors[0].ne[0], 1);
  const auto empty = parse(safetensorsOf("{}"));
  ASSERT_TRUE(empty) << empty.error().what;
  EXPECT_TRUE(empty->tensors.empty());
}

struct Case {
  const char* name;
  std::string bytes;
  Err code;
  const char* names;  // part of the sentence
};

std::string one(const std::string& entry, size_t data = 8) {
  return safetensorsOf("{\"w\":" + entry + "}", std::string(data, '\0'));
}
std::string two(const std::string& a, const std::string& b, size_t data) {
  const std::string head = R"({"dtype":"F32","shape":[2],"data_offsets":)";
  return safetensorsOf("{\"a\":" + head + a + "},\"b\":" + head + b + "}}", std::string(data, '\0'));
}

std::vector<Case> cases() {
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  return {
      {"no bytes", "", Err::truncated, "length"},
      {"seven bytes", "1234567", Err::truncated, "length"},
      {"a header of all ones", std::string(8, char(0xff)) + "{}", Err::tooLarge, "header"},
      {"a header of 100 MB and one", safetensorsOf("{}", "", 100'000'001), Err::tooLarge, "100000001"},
      {"a header beyond the file", safetensorsOf("{}", "", 3), Err::truncated, "header"},
      {"no header", safetensorsOf(""), Err::badMagic, "safetensors"},
      {"a list", safetensorsOf("[]"), Err::badMagic, "safetensors"},
      {"GGUF", std::string("GGUF\3\0\0\0\0\0\0\0", 12), Err::tooLarge, "header"},
      {"open", safetensorsOf("{"), Err::badValue, "JSON"},
      {"words behind it", safetensorsOf("{}x"), Err::badValue, "JSON"},
      {"bytes that are no UTF-8", safetensorsOf("{\"\xff\":1}"), Err::badValue, "JSON"},
      {"nested a million times", safetensorsOf("{\"w\":" + std::string(1'000'000, '[')), Err::badValue, "\"w\""},
      {"objects a million times", safetensorsOf([] {
         std::string s;
         for (int i = 0; i < 1'000'000; ++i) s += "{\"w\":";
         return s;
       }()),
       Err::badValue, "\"w\""},
      {"a number for a tensor", one("1"), Err::badValue, "\"w\""},
      {"null", one("null"), Err::badValue, "\"w\""},
      {"a text for a tensor", one("\"F32\""), Err::badValue, "\"w\""},
      {"a list for a tensor", one("[1]"), Err::badValue, "\"w\""},
      {"no dtype", one(R"({"shape":[2],"data_offsets":[0,8]})"), Err::badValue, "lacks"},
      {"no shape", one(R"({"dtype":"F32","data_offsets":[0,8]})"), Err::badValue, "lacks"},
      {"no offsets", one(R"({"dtype":"F32","shape":[2]})"), Err::badValue, "lacks"},
      {"another key", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})"), Err::badValue, "\"x\""},
      {"dtype twice", one(R"({"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"), Err::badValue, "dtype"},
      {"a dtype nobody knows", one(R"({"dtype":"F3","shape":[2],"data_offsets":[0,8]})"), Err::unsupported, "\"F3\""},
      {"a dtype that is a number", one(R"({"dtype":1,"shape":[2],"data_offsets":[0,8]})"), Err::badValue, "\"w\""},
      {"five dimensions", one(R"({"dtype":"F32","shape":[1,1,1,1,2],"data_offsets":[0,8]})"), Err::unsupported,
       "4 dimensions"},
      {"a dimension of zero", one(R"({"dtype":"F32","shape":[2,0],"data_offsets":[0,8]})"), Err::badValue, "zero"},
      {"a dimension below zero", one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), Err::badValue,
       "below zero"},
      {"half a dimension", one(R"({"dtype":"F32","shape":[2.5],"data_offsets":[0,8]})"), Err::badValue, "\"w\""},
      {"a dimension of 1e400", one(R"({"dtype":"F32","shape":[1e400],"data_offsets":[0,8]})"), Err::badValue, "JSON"},
      {"elements that overflow", one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
       Err::tooLarge, "elements"},
      {"bytes that overflow", one(R"({"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,8]})"),
       Err::badValue, "data_offsets"},
      {"a shape in a shape", one(R"({"dtype":"F32","shape":[[2]],"data_offsets":[0,8]})"), Err::badValue, "\"w\""},
      {"one offset", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), Err::badValue, "data_offsets"},
      {"three offsets", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})"), Err::badValue, "data_offsets"},
      {"offsets turned round", one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), Err::badValue,
       "from 8 to 0"},
      {"offsets beyond the file", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,9]})"), Err::truncated, "to 9"},
      {"a size that does not fit the shape", one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), Err::badValue,
       "data_offsets"},
      {"bytes that nobody owns at the end", one(good, 9), Err::badValue, "8 of the 9"},
      {"an overlap", two("[0,8]", "[4,12]", 12), Err::badValue, "overlaps"},
      {"the same place twice", two("[0,8]", "[0,8]", 8), Err::badValue, "overlaps"},
      {"a gap", two("[0,8]", "[12,20]", 20), Err::badValue, "gap"},
      {"a name twice", safetensorsOf("{\"w\":" + good + ",\"w\":" + good + "}", std::string(8, '\0')), Err::badValue,
       "twice"},
      {"no name", safetensorsOf("{\"\":" + good + "}", std::string(8, '\0')), Err::badValue, "without a name"},
      {"a name of 513 bytes", safetensorsOf("{\"" + std::string(513, 'n') + "\":" + good + "}", std::string(8, '\0')),
       Err::tooLarge, "513"},
      {"a name that is not printable", safetensorsOf("{\"a\\u0007\":1}"), Err::badValue, "\"a?\""},
      {"notes that are no texts", safetensorsOf(R"({"__metadata__":{"a":[1]}})"), Err::badValue, "__metadata__"},
      {"notes that are a list", safetensorsOf(R"({"__metadata__":[]})"), Err::badValue, "__metadata__"},
  };
}

TEST(Safetensors, hostile) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const auto start = std::chrono::steady_clock::now();
    const auto header = parse(c.bytes);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, c.code) << header.error().what;
    EXPECT_NE(header.error().what.find(c.names), std::string::npos) << header.error().what;
  }
}

}  // namespace
}  // namespace lemma::test
