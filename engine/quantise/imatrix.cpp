#include "engine/quantise/imatrix.h"

#include <cmath>
#include <cstring>

#include "engine/gguf/gguf_file.h"
#include "engine/gguf/gguf_output.h"
#include "engine/quantise/output_file.h"

namespace lemma {
namespace {

constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";

// Numbers of an F32 tensor, each finite and not negative.
Result<std::vector<float>> numbers(const ModelFile& file, const ModelTensor& t) {
  if (t.type != Type::F32) return fail(Err::badValue, "the tensor " + quotedName(t.name) + " is not F32");
  std::vector<float> out(size_t(t.bytes / sizeof(float)));
  std::memcpy(out.data(), file.parts[t.part].bytes.data() + t.offset, out.size() * sizeof(float));
  for (const float x : out) {
    if (!(x >= 0) || std::isinf(x)) {
      return fail(Err::badValue, "the tensor " + quotedName(t.name) + " holds a number that is no sum of squares");
    }
  }
  return out;
}

Result<Imatrix> read(const ModelFile& file) {
  const ModelHeader& h = file.header;
  LEMMA_TRY(type, h.strOr("general.type", ""));
  if (type != "imatrix") {
    return fail(Err::badMagic, "the file is no importance matrix: general.type is " + quotedName(type));
  }
  Imatrix out;
  LEMMA_TRY(chunks, h.u64Or("imatrix.chunk_count", 0));
  LEMMA_TRY(tokens, h.u64Or("imatrix.chunk_size", 0));
  out.chunks = uint32_t(std::min<uint64_t>(chunks, UINT32_MAX));
  out.chunkTokens = uint32_t(std::min<uint64_t>(tokens, UINT32_MAX));
  if (const GgufValue* sets = h.find("imatrix.datasets")) {
    if (const auto names = sets->asStringArray()) {
      for (const std::string_view name : *names) out.datasets.emplace_back(name);
    }
  }
  for (const ModelTensor& t : h.tensors) {
    if (!t.name.ends_with(kSums)) continue;
    const std::string name = t.name.substr(0, t.name.size() - kSums.size());
    const ModelTensor* counts = h.tensor(name + std::string(kCounts));
    if (!counts) return fail(Err::notFound, "the tensor " + quotedName(name + std::string(kCounts)) + " is missing");
    Imatrix::Entry entry{.columns = t.ne[0]};
    LEMMA_TRY(sums, numbers(file, t));
    LEMMA_TRY(rows, numbers(file, *counts));
    if (sums.size() / size_t(t.ne[0]) != rows.size()) {
      return fail(Err::badValue, "the tensors " + quotedName(t.name) + " and " + quotedName(counts->name) +
                                     " are of different numbers of matrices");
    }
    entry.sums = std::move(sums);
    entry.counts = std::move(rows);
    out.entries.emplace(name, std::move(entry));
  }
  if (out.entries.empty()) return fail(Err::notFound, "the file holds no sums of squares");
  return out;
}

}  // namespace

std::vector<float> Imatrix::importance(std::string_view name, int64_t matrix) const {
  const auto it = entries.find(name);
  if (it == entries.end()) return {};
  const Entry& e = it->second;
  if (matrix < 0 || size_t(matrix) >= e.counts.size() || !(e.counts[size_t(matrix)] > 0)) return {};
  const float* sums = e.sums.data() + matrix * e.columns;
  std::vector<float> out(sums, sums + e.columns);
  for (float& x : out) x /= e.counts[size_t(matrix)];
  return out;
}

Result<Imatrix> readImatrix(const std::string& path) {
  LEMMA_TRY(file, openGguf(path));
  auto imatrix = read(file);
  if (!imatrix) return fail(imatrix.error().code, path + ": " + imatrix.error().what);
  return imatrix;
}

Result<void> writeImatrix(const Imatrix& imatrix, const std::string& path) {
  GgufOutput out;
  out.text("general.type", "imatrix");
  out.texts("imatrix.datasets", imatrix.datasets);
  out.u32("imatrix.chunk_count", imatrix.chunks);
  out.u32("imatrix.chunk_size", imatrix.chunkTokens);
  for (const auto& [name, e] : imatrix.entries) {
    const auto matrices = int64_t(e.counts.size());
    out.tensor(name + std::string(kSums), Type::F32, 2, {e.columns, matrices, 1, 1});
    out.tensor(name + std::string(kCounts), Type::F32, 2, {1, matrices, 1, 1});
  }
  const GgufOutput::Layout layout = out.layout(32);
  LEMMA_TRY(file, OutputFile::open(path, false));
  LEMMA_CHECK(file.write(0, layout.header));
  size_t at = 0;
  for (const auto& [name, e] : imatrix.entries) {
    LEMMA_CHECK(file.write(layout.offsets[at++], std::as_bytes(std::span(e.sums))));
    LEMMA_CHECK(file.write(layout.offsets[at++], std::as_bytes(std::span(e.counts))));
  }
  LEMMA_CHECK(file.resize(layout.fileBytes));
  return file.finish();
}

}  // namespace lemma
