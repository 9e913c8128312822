#include "engine/quantise/gguf_form.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/model_file/metadata_reader.h"
#include "engine/tokenizer/gguf_keys.h"

namespace lemma {
namespace {

constexpr std::string_view kJoint = ".attn_kv_b.weight";
constexpr int64_t kMostExperts = 1 << 16;

bool isGgufName(std::string_view name) {
  return name.starts_with("blk.") || name.starts_with("token_embd.") || name.starts_with("output") ||
         name.starts_with("rope_freqs.");
}

// What folders hold beside weights: angles that every program computes itself, and a copy of tied embeddings.
bool isLeftOut(std::string_view name) {
  return name.ends_with("rotary_emb.inv_freq") || name.ends_with(kScalesOfEightBits) ||
         name.ends_with(kScalesOfFourBits) || name == "lm_head.weight";
}

// GGUF's readers ask for 32 bits, our translations know 64.
GgufValue narrowed(const GgufValue& value) {
  if (value.type() == GgufType::u64 && value.asU64() <= std::numeric_limits<uint32_t>::max()) {
    return GgufValue::of(uint32_t(*value.asU64()));
  }
  if (value.type() == GgufType::f64) return GgufValue::of(float(*value.asF64()));
  return value;
}

}  // namespace

Result<std::unique_ptr<GgufForm>> GgufForm::of(const ModelFile& file) {
  std::unique_ptr<GgufForm> form(new GgufForm(file));
  LEMMA_CHECK(form->build());
  return form;
}

Result<void> GgufForm::build() {
  const ModelHeader& from = file_.header;
  if (file_.ggufVersion > 0) {
    header_ = from;
    origins_.resize(header_.tensors.size());
    return {};
  }
  LEMMA_TRY(architecture, from.str("general.architecture"));
  architecture_ = std::move(architecture);
  const std::string halves = architecture_ + ".rope.half_split";
  LEMMA_TRY(halfSplit, from.flagOr(halves, false));
  halfSplit_ = halfSplit;
  for (const auto& [key, value] : from.kv) {
    if (key != halves && key != kWeightBlockSize) header_.kv.emplace_back(key, narrowed(value));
  }
  if (from.find(architecture_ + ".attention.kv_lora_rank")) LEMMA_CHECK(nameLatentWidths());
  if (!file_.tokenizer.tokenizer.empty()) {
    const ModelTensor* table = from.tensor("token_embd.weight");
    LEMMA_TRY(keys, ggufTokenizerKeys(file_.tokenizer, table ? table->ne[1] : 0));
    for (auto& key : keys) header_.kv.push_back(std::move(key));
  } else if (!from.find("tokenizer.ggml.model")) {
    header_.kv.emplace_back("tokenizer.ggml.model", GgufValue::of(std::string_view("no_vocab")));
  }
  for (const ModelTensor& t : from.tensors) {
    if (isLeftOut(t.name)) continue;
    LEMMA_CHECK(add(t));
  }
  LEMMA_CHECK(header_.indexKeys());
  return header_.indexTensors();
}

// GGUF says how wide a head's keys and values are in the cache, and beside it how wide they are before.
Result<void> GgufForm::nameLatentWidths() {
  constexpr int kWidest = 1 << 20;
  MetadataReader r(file_.header, architecture_);
  Latent l{.heads = r.whole("attention.head_count", 1, 1 << 16),
           .rank = r.whole("attention.kv_lora_rank", 1, kWidest),
           .rope = r.whole("rope.dimension_count", 1, kWidest),
           .values = r.whole("attention.value_length", 1, kWidest)};
  l.nope = r.whole("attention.key_length", int(l.rope) + 1, kWidest) - l.rope;
  LEMMA_CHECK(r.result());
  const std::pair<const char*, int64_t> widths[] = {{"head_count_kv", 1},
                                                    {"key_length", l.rank + l.rope},
                                                    {"value_length", l.rank},
                                                    {"key_length_mla", l.nope + l.rope},
                                                    {"value_length_mla", l.values}};
  for (const auto& [name, width] : widths) {
    const std::string key = architecture_ + ".attention." + name;
    std::erase_if(header_.kv, [&](const auto& pair) { return pair.first == key; });
    header_.kv.emplace_back(key, GgufValue::of(uint32_t(width)));
  }
  latent_ = l;
  return {};
}

Result<void> GgufForm::add(const ModelTensor& t) {
  if (!isGgufName(t.name)) return fail(Err::unsupported, "the tensor " + quotedName(t.name) + " has no name in GGUF");
  if (const auto expert = expertTensor(t.name)) {
    return expert->number == 0 ? addExperts(t, expert->all) : Result<void>();  // the others with the first
  }
  if (latent_ && t.name.ends_with(kJoint)) return addLatent(t);
  LEMMA_TRY(heads, rotaryHeads(t.name));
  if (t.rank == 3 && t.nb[0] != 0) return addExperts(t);
  if (t.type != Type::F8_E4M3 && t.nb[0] == 0 && heads == 0) return add(t, Origin{});
  if (t.rank > 2) return fail(Err::badValue, "the tensor " + quotedName(t.name) + " is not a matrix");
  LEMMA_TRY(view, t.rank == 1 ? store_.require(t.name, {t.ne[0]}) : store_.require(t.name, {t.ne[0], t.ne[1]}));
  const int64_t turned = t.rank == 1 ? t.ne[0] : t.ne[1];
  if (heads > 0 && turned % (2 * heads) != 0) {
    return fail(Err::badValue,
                "the tensor " + quotedName(t.name) + " does not hold " + std::to_string(heads) + " heads");
  }
  return add(t, Origin{{view}, heads});
}

Result<void> GgufForm::addExperts(const ModelTensor& first, const std::string& name) {
  LEMMA_TRY(count, file_.header.u64(architecture_ + ".expert_count"));
  if (first.rank != 2 || count < 1 || count > uint64_t(kMostExperts)) {
    return fail(Err::badValue, "the tensor " + quotedName(first.name) + " is not the first of experts' matrices");
  }
  LEMMA_TRY(set, store_.requireExperts(name, first.ne[0], first.ne[1], int64_t(count)));
  ModelTensor all = first;
  all.name = name + ".weight";
  all.rank = 3;
  all.ne[2] = int64_t(count);
  all.bytes *= count;
  return add(std::move(all), Origin{set->experts, 0});
}

// A head's rows are those of its keys, then those of its values. GGUF has a tensor for each, the keys' by columns, as
// they are applied to queries.
Result<void> GgufForm::addLatent(const ModelTensor& joint) {
  const Latent& l = *latent_;
  LEMMA_TRY(whole, store_.require(joint.name, {l.rank, l.heads * (l.nope + l.values)}));
  const auto rowsOf = [&](int64_t first, int64_t count) {
    Origin origin;
    for (int64_t h = 0; h < l.heads; ++h) {
      const int64_t row = h * (l.nope + l.values) + first;
      TensorView one = whole;
      one.off += uint64_t(row * whole.nb[1]);
      one.ne[1] = count;
      one.scales.firstRow += row;
      origin.matrices.push_back(one);
    }
    return origin;
  };
  const auto tensor = [&](const char* ending, int64_t in, int64_t out) {
    ModelTensor t = joint;
    t.name.replace(t.name.size() - kJoint.size(), kJoint.size(), ending);
    t.rank = 3;
    t.ne = {in, out, l.heads, 1};
    t.bytes = joint.bytes / uint64_t(joint.ne[0] * joint.ne[1]) * uint64_t(in * out * l.heads);
    return t;
  };
  Origin keys = rowsOf(0, l.nope);
  keys.columns = true;
  LEMMA_CHECK(add(tensor(".attn_k_b.weight", l.nope, l.rank), std::move(keys)));
  return add(tensor(".attn_v_b.weight", l.rank, l.values), rowsOf(l.nope, l.values));
}

// Experts that lie in one tensor, but not as GGUF has them.
Result<void> GgufForm::addExperts(const ModelTensor& t) {
  if (t.ne[2] > kMostExperts) {
    return fail(Err::tooLarge, "the tensor " + quotedName(t.name) + " holds more than the " +
                                   std::to_string(kMostExperts) + " experts allowed");
  }
  LEMMA_TRY(all, store_.require(t.name, {t.ne[0], t.ne[1], t.ne[2]}));
  Origin origin;
  for (int64_t e = 0; e < t.ne[2]; ++e) origin.matrices.push_back(planeOf(all, e));
  return add(t, std::move(origin));
}

Result<void> GgufForm::add(ModelTensor t, Origin origin) {
  if (t.type == Type::F8_E4M3) t.type = Type::BF16;
  if (t.type == Type::F4_E2M1) t.type = Type::MXFP4;
  t.nb = {};
  header_.tensors.push_back(std::move(t));
  origins_.push_back(std::move(origin));
  return {};
}

// Where GGUF has the pairs that turn together side by side and the folder has them half a head apart.
Result<int64_t> GgufForm::rotaryHeads(std::string_view name) const {
  if (!halfSplit_) return 0;
  const std::string key = architecture_ + ".attention.head_count";
  const bool query = name.find(".attn_q.") != std::string_view::npos;
  if (query || name.find(".attn_k.") != std::string_view::npos) {
    LEMMA_TRY(heads, file_.header.u64(key));
    LEMMA_TRY(shared, file_.header.u64Or(key + "_kv", heads));
    if (heads < 1 || heads > 1 << 16 || shared < 1 || shared > heads) {
      return fail(Err::badValue, "the key " + quotedName(key) + " does not fit its kv heads");
    }
    return int64_t(query ? heads : shared);
  }
  if (name.find(".attn_q_b.") != std::string_view::npos || name.find(".attn_kv_a_mqa.") != std::string_view::npos) {
    return fail(Err::unsupported, "the tensor " + quotedName(name) + " keeps rotary halves apart inside its heads");
  }
  return 0;
}

std::span<const std::byte> GgufForm::bytes(const ModelTensor& t) const {
  if (made(t)) return {};
  const auto all = file_.parts[t.part].bytes;
  if (t.offset > all.size() || t.bytes > all.size() - t.offset) return {};
  return all.subspan(size_t(t.offset), size_t(t.bytes));
}

void GgufForm::rows(const ModelTensor& t, int64_t first, int64_t count, float* out) const {
  const Origin& origin = originOf(t);
  const int64_t columns = t.ne[0];
  // Number 2 i + j of a head is number i of its half j.
  const auto from = [&](int64_t i, int64_t all) {
    if (origin.heads == 0) return i;
    const int64_t dim = all / origin.heads, at = i % dim;
    return i - at + at % 2 * (dim / 2) + at / 2;
  };
  std::vector<float> whole;  // of the matrix whose columns are rows
  for (int64_t r = first; r < first + count; ++r, out += columns) {
    const TensorView& matrix = origin.matrices[size_t(r / t.ne[1])];
    if (origin.columns) {
      const int64_t width = matrix.ne[0], at = r % t.ne[1];
      if (whole.empty() || at == 0) {
        whole.resize(size_t(width * columns));
        for (int64_t i = 0; i < columns; ++i) decodeRow(matrix, i, 0, width, whole.data() + i * width);
      }
      for (int64_t i = 0; i < columns; ++i) out[i] = whole[size_t(i * width + at)];
    } else if (t.rank > 1) {
      decodeRow(matrix, from(r % t.ne[1], t.ne[1]), 0, columns, out);
    } else {
      std::vector<float> row(static_cast<size_t>(columns));
      decodeRow(matrix, 0, 0, columns, row.data());
      for (int64_t i = 0; i < columns; ++i) out[i] = row[size_t(from(i, columns))];
    }
  }
}

}  // namespace lemma
