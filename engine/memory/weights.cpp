#include "engine/memory/weights.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include "engine/experts/expert_cache.h"

namespace lemma {
namespace {

std::string shapeText(std::span<const int64_t> ne) {
  std::string text;
  for (const int64_t n : ne) text += (text.empty() ? "" : " x ") + std::to_string(n);
  return text;
}

}  // namespace

std::optional<ExpertTensor> expertTensor(std::string_view name) {
  constexpr std::string_view kWeight = ".weight";
  if (!name.ends_with(kWeight)) return std::nullopt;
  name.remove_suffix(kWeight.size());
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || !name.substr(0, dot).ends_with("_exps")) return std::nullopt;
  ExpertTensor expert{std::string(name.substr(0, dot))};
  const auto [end, error] = std::from_chars(name.data() + dot + 1, name.data() + name.size(), expert.number);
  const bool number = error == std::errc() && end == name.data() + name.size() && expert.number >= 0;
  return number ? std::optional(std::move(expert)) : std::nullopt;
}

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
  LEMMA_TRY(view, viewOf(*t));
  view.rank = int(shape.size());
  return view;
}

Result<TensorView> WeightStore::viewOf(const ModelTensor& t) const {
  LEMMA_TRY(buffer, bufferOf(t));
  TensorView view = contiguous(buffer, t.offset, t.type, {t.ne[0], t.ne[1], t.ne[2], t.ne[3]});
  view.rank = t.rank;
  if (t.nb[0] != 0) view.nb = t.nb;
  if (t.type == Type::F4_E2M1 || (t.type == Type::F8_E4M3 && file_.header.find(kWeightBlockSize))) {
    LEMMA_TRY(scales, scalesOf(t));
    view.scales = scales;
  }
  return view;
}

Result<BufferRef> WeightStore::bufferOf(const ModelTensor& t) const {
  const ModelPart& part = file_.parts[t.part];
  // The parser held the table against the file's size; this holds it against what is mapped now.
  const uint64_t span = spanOf(t);
  if (t.offset > part.bytes.size() || span > part.bytes.size() - t.offset) {
    return fail(Err::truncated, "the tensor " + quotedName(t.name) + " goes beyond the end of the file");
  }
  // Views are not const; Space::mapped says that nobody may write here, and the pages enforce it.
  return BufferRef{.space = part.path.empty() ? Space::host : Space::mapped,
                   .bytes = part.bytes.size(),
                   .host = const_cast<std::byte*>(part.bytes.data())};
}

Result<BlockScales> WeightStore::scalesOf(const ModelTensor& t) const {
  if (t.type == Type::F4_E2M1) {
    LEMMA_TRY(scales, scalesBeside(t, kScalesOfFourBits));
    return scalesOfBlocks(t, *scales);
  }
  const auto block = file_.header.find(kWeightBlockSize)->asI32Array();
  if (!block || block->size() != 2 || (*block)[0] < 1 || (*block)[1] < 1) {
    return fail(Err::badValue, "the key " + quotedName(kWeightBlockSize) + " is not two sizes");
  }
  const int32_t in = (*block)[0], out = (*block)[1];
  LEMMA_TRY(s, scalesBeside(t, kScalesOfEightBits));
  const std::array<int64_t, 4> want{(t.ne[0] + in - 1) / in, (t.ne[1] + out - 1) / out, 1, 1};
  if (s->type != Type::F32 || s->ne != want || t.ne[2] != 1 || t.ne[3] != 1) {
    return fail(Err::badValue, "the tensor " + quotedName(s->name) + " is not F32 of " + shapeText({want.data(), 2}) +
                                   ", one for each block of " + shapeText(std::array<int64_t, 2>{in, out}));
  }
  LEMMA_TRY(buffer, bufferOf(*s));
  for (int64_t i = 0; i < want[0] * want[1]; ++i) {
    float scale;
    std::memcpy(&scale, buffer.host + s->offset + uint64_t(i) * sizeof(scale), sizeof(scale));
    if (!std::isfinite(scale)) {
      return fail(Err::badValue, "the tensor " + quotedName(s->name) + " holds a scale that is not a finite number");
    }
  }
  return BlockScales{
      .buf = buffer, .off = s->offset, .rowBytes = want[0] * int64_t(sizeof(float)), .in = in, .out = out};
}

Result<const ModelTensor*> WeightStore::scalesBeside(const ModelTensor& t, std::string_view ending) const {
  const std::string name = t.name + std::string(ending);
  const ModelTensor* scales = file_.header.tensor(name);
  if (!scales) return fail(Err::notFound, "the tensor " + quotedName(name) + " is missing");
  return scales;
}

// There are too many of them to look at each here.
Result<BlockScales> WeightStore::scalesOfBlocks(const ModelTensor& t, const ModelTensor& scales) const {
  constexpr int32_t kBlock = 32;
  const std::array<int64_t, 4> want{t.ne[0] / kBlock, t.ne[1], t.ne[2], t.ne[3]};
  if (t.ne[0] % kBlock != 0 || scales.type != Type::E8M0 || scales.ne != want) {
    return fail(Err::badValue, "the tensor " + quotedName(scales.name) + " is not E8M0 of " +
                                   shapeText({want.data(), size_t(t.rank)}) + ", one for each block of 32");
  }
  LEMMA_TRY(buffer, bufferOf(scales));
  return BlockScales{
      .type = Type::E8M0, .buf = buffer, .off = scales.offset, .rowBytes = scales.nb[1], .in = kBlock, .out = 1};
}

Result<TensorView> WeightStore::optional(std::string_view name, std::initializer_list<int64_t> shape) const {
  if (!file_.header.tensor(name)) return TensorView{};
  return require(name, shape);
}

Result<std::shared_ptr<const ExpertSet>> WeightStore::requireExperts(const std::string& name, int64_t in, int64_t out,
                                                                     int64_t experts) const {
  const auto nameOf = [&](int64_t e) { return name + "." + std::to_string(e) + ".weight"; };
  auto set = std::make_shared<ExpertSet>();
  if (!file_.header.tensor(name + ".weight") && file_.header.tensor(nameOf(0))) {
    for (int64_t e = 0; e < experts; ++e) {
      LEMMA_TRY(one, require(nameOf(e), {in, out}));
      if (e > 0 && one.type != set->experts.front().type) {
        return fail(Err::unsupported,
                    "the tensor " + quotedName(nameOf(e)) + " is of another type than that of expert 0");
      }
      set->experts.push_back(one);
    }
  } else {
    LEMMA_TRY(all, require(name + ".weight", {in, out, experts}));
    for (int64_t e = 0; e < experts; ++e) set->experts.push_back(planeOf(all, e));
  }
  LEMMA_TRY(biases, optional(name + ".bias", {out, experts}));
  for (int64_t e = 0; !biases.empty() && e < experts; ++e) set->biases.push_back(rowOf(biases, e));
  return set;
}

ExpertOrigin WeightStore::originOf(const ExpertSet& gate, const ExpertSet& up, const ExpertSet& down,
                                   int chosenOfARow) const {
  return experts_ ? experts_->add(gate, up, down, chosenOfARow) : ExpertOrigin{};
}

WeightPlace WeightStore::placeOf(const TensorView& weight) const {
  for (const ModelTensor& t : file_.header.tensors) {
    if (file_.parts[t.part].bytes.data() != weight.buf.host) continue;
    if (weight.off < t.offset || weight.off - t.offset >= spanOf(t)) continue;
    if (t.nb[0] != 0) {  // others lie between its rows
      if ((weight.off - t.offset) % uint64_t(t.nb[2]) != 0) continue;
      return {t.name, int64_t(weight.off - t.offset) / t.nb[2], t.ne[2]};
    }
    if (const auto expert = expertTensor(t.name)) {
      int64_t count = 1;
      while (file_.header.tensor(expert->all + "." + std::to_string(count) + ".weight")) ++count;
      return {expert->all + ".weight", expert->number, count};
    }
    const int64_t matrices = t.ne[2] * t.ne[3];
    return {t.name, int64_t((weight.off - t.offset) / (t.bytes / uint64_t(matrices))), matrices};
  }
  return {};
}

std::string_view WeightStore::notFinite(uint64_t most) const {
  constexpr int64_t kPiece = 1 << 14;  // values, whole blocks of every type
  std::vector<float> values(kPiece);
  for (const ModelTensor& t : file_.header.tensors) {
    const TypeInfo* type = typeInfo(t.type);
    if (!type || !type->decode) continue;
    const auto view = viewOf(t);
    if (!view) continue;
    if (t.bytes > most) return {};
    most -= t.bytes;
    const int64_t rows = t.ne[1] * t.ne[2] * t.ne[3];
    for (int64_t r = 0; r < rows; ++r) {
      const TensorView matrix = planeOf(*view, r / t.ne[1]);
      for (int64_t i = 0; i < t.ne[0]; i += kPiece) {
        const int64_t n = std::min(kPiece, t.ne[0] - i);
        decodeRow(matrix, r % t.ne[1], i, n, values.data());
        if (!std::all_of(values.begin(), values.begin() + n, [](float x) { return std::isfinite(x); })) return t.name;
      }
    }
  }
  return {};
}

TensorView WeightStore::constant(std::vector<float> values) {
  std::vector<float>& kept = constants_.emplace_back(std::move(values));
  return contiguous({.bytes = kept.size() * sizeof(float), .host = reinterpret_cast<std::byte*>(kept.data())}, 0,
                    Type::F32, {int64_t(kept.size())});
}

}  // namespace lemma
