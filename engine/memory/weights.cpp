#include "engine/memory/weights.h"

#include <algorithm>
#include <array>
#include <string>

namespace lemma {
namespace {

std::string shapeText(std::span<const int64_t> ne) {
  std::string text;
  for (const int64_t n : ne) text += (text.empty() ? "" : " x ") + std::to_string(n);
  return text;
}

}  // namespace

Result<TensorView> WeightStore::require(std::string_view name, std::initializer_list<int64_t> shape) const {
  const ModelTensor* t = file_.header.tensor(name);
  if (!t) return fail(Err::notFound, "the tensor " + quotedName(name) + " is missing");
  std::array<int64_t, 4> want{1, 1, 1, 1};
  std::copy(shape.begin(), shape.end(), want.begin());
  if (t->ne != want) {
    return fail(Err::badValue, "the tensor " + quotedName(name) + " has the shape " +
                                   shapeText({t->ne.data(), size_t(t->rank)}) + " where the metadata asks for " +
                                   shapeText({shape.begin(), shape.size()}));
  }
  const TypeInfo* type = typeInfo(t->type);
  if (!type || !type->decode) {
    const std::string which = type ? std::string(type->name) : std::to_string(uint32_t(t->type));
    return fail(Err::unsupported,
                "the tensor " + quotedName(name) + " has the type " + which + ", which this build cannot compute with");
  }
  const std::span<const std::byte> bytes = file_.parts[t->part].bytes;
  // The parser held the table against the file's size; this holds it against what is mapped now.
  if (t->offset > bytes.size() || t->bytes > bytes.size() - t->offset) {
    return fail(Err::truncated, "the tensor " + quotedName(name) + " goes beyond the end of the file");
  }
  // Views are not const; Space::mapped says that nobody may write here, and the pages enforce it.
  const BufferRef mapped{.space = Space::mapped, .bytes = bytes.size(), .host = const_cast<std::byte*>(bytes.data())};
  TensorView view = contiguous(mapped, t->offset, t->type, {want[0], want[1], want[2], want[3]});
  view.rank = int(shape.size());
  return view;
}

Result<TensorView> WeightStore::optional(std::string_view name, std::initializer_list<int64_t> shape) const {
  if (!file_.header.tensor(name)) return TensorView{};
  return require(name, shape);
}

TensorView WeightStore::constant(std::vector<float> values) {
  std::vector<float>& kept = constants_.emplace_back(std::move(values));
  return contiguous({.bytes = kept.size() * sizeof(float), .host = reinterpret_cast<std::byte*>(kept.data())}, 0,
                    Type::F32, {int64_t(kept.size())});
}

}  // namespace lemma
