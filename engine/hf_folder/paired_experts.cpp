#include "engine/hf_folder/paired_experts.h"

#include <utility>

namespace lemma {
namespace {

constexpr std::string_view kBoth = "ffn_gate_up_exps";
constexpr std::string_view kDown = "ffn_down_exps";
constexpr std::string_view kScales = ".weight_scales";  // of .weight, by kScalesOfFourBits
constexpr int64_t kBytesOfBlock = 16;                   // 32 floats of 4 bits

tl::unexpected<Error> unfit(const ModelTensor& t, const char* what) {
  return fail(Err::badValue, "the tensor " + quotedName(t.name) + " is not " + what);
}

void step(ModelTensor& t) {
  const TypeInfo& type = *typeInfo(t.type);
  t.nb = {type.blockBytes, t.ne[0] / type.block * type.blockBytes};
  t.nb[2] = t.nb[1] * t.ne[1];
  t.nb[3] = t.nb[2] * t.ne[2];
}

// The tensor as GGUF has it, both of a pair still in one; `ending` becomes that of its name.
Result<ModelTensor> asInGguf(ModelTensor t, std::string_view& ending) {
  if (ending == ".blocks") {
    if (t.type != Type::U8 || t.rank != 4 || t.ne[0] != kBytesOfBlock) return unfit(t, "blocks of 16 bytes");
    t.type = Type::F4_E2M1;
    t.rank = 3;
    t.ne = {t.ne[1] * 2 * kBytesOfBlock, t.ne[2], t.ne[3], 1};
    ending = ".weight";
  } else if (ending == ".scales") {
    if (t.type != Type::U8 || t.rank != 3) return unfit(t, "a byte for each block of experts' matrices");
    t.type = Type::E8M0;
    ending = kScales;
  } else if (ending == ".weight" ? t.rank != 3 : t.rank != 2) {
    return unfit(t, "one for each expert");
  }
  step(t);
  if (ending == ".weight" && t.type != Type::F4_E2M1) {  // inputs by outputs
    std::swap(t.ne[0], t.ne[1]);
    std::swap(t.nb[0], t.nb[1]);
  }
  return t;
}

}  // namespace

Result<void> takePairedExpertsApart(std::vector<ModelTensor>& tensors) {
  std::vector<ModelTensor> out;
  for (ModelTensor& t : tensors) {
    const size_t at = t.name.rfind('.'), stem = t.name.rfind('.', at == 0 || at == std::string::npos ? 0 : at - 1);
    const std::string_view whole = t.name;
    const auto module = stem < at ? whole.substr(stem + 1, at - stem - 1) : std::string_view();
    if (module != kBoth && module != kDown) {
      out.push_back(std::move(t));
      continue;
    }
    const std::string layer(whole.substr(0, stem + 1));
    std::string_view ending = whole.substr(at);
    LEMMA_TRY(both, asInGguf(t, ending));
    if (module == kDown) {
      both.name = layer + std::string(kDown) + std::string(ending);
      out.push_back(std::move(both));
      continue;
    }
    const size_t outputs = ending == ".bias" ? 0 : 1;
    if (both.ne[outputs] % 2 != 0) return unfit(t, "gates and ups in turns");
    ModelTensor gate = both;
    gate.ne[outputs] /= 2;
    gate.nb[outputs] *= 2;
    gate.bytes /= 2;
    ModelTensor up = gate;
    up.offset += uint64_t(both.nb[outputs]);
    gate.name = layer + "ffn_gate_exps" + std::string(ending);
    up.name = layer + "ffn_up_exps" + std::string(ending);
    out.push_back(std::move(gate));
    out.push_back(std::move(up));
  }
  tensors = std::move(out);
  return {};
}

}  // namespace lemma
