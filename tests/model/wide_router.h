// Mixtures whose router does not decide by hairs, so that a comparison shows how experts are computed and not which
// were chosen: each token's embedding names its experts, in as many values of the stream as there are experts; no layer
// writes to these, and the router reads one of them an expert. Whatever rounds, every program chooses the same.
// Test code only.
#pragma once

#include <cmath>
#include <fstream>
#include <numeric>

#include "engine/model_file/model_file.h"
#include "tests/model/counted_model.h"
#include "tests/support/goldens.h"

namespace lemma::test {

// The bytes of a GGUF file whose tensors are F32, with its weights changed so. Throws where it is none.
class WideRouter {
 public:
  explicit WideRouter(const std::string& path) : bytes_(readBytes(path)) {
    auto file = openModel(path);
    if (!file) throw std::runtime_error(file.error().what);
    file_ = std::move(*file);
    experts_ = number("expert_count", 0);
    used_ = number("expert_used_count", 0);
    groups_ = std::max<uint64_t>(number("expert_group_count", 1), 1);
    keptGroups_ = std::max<uint64_t>(number("expert_group_used_count", 1), 1);
    nameExperts();
    for (const ModelTensor& t : file_.header.tensors) change(t);
  }

  bool write(const std::string& path) const {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes_.data()), std::streamsize(bytes_.size()));
    return bool(file.flush());
  }

 private:
  uint64_t number(const std::string& key, uint64_t otherwise) const {
    return file_.header.u64Or(file_.header.str("general.architecture").value() + "." + key, otherwise).value();
  }

  std::span<float> floatsOf(const ModelTensor& t) {
    if (t.type != Type::F32) throw std::runtime_error(std::string(t.name) + " is not F32");
    return {reinterpret_cast<float*>(bytes_.data() + t.offset), t.bytes / sizeof(float)};
  }

  // As a router that keeps groups would choose: the experts of each kept group in turn.
  std::vector<uint64_t> expertsOf(uint64_t token) const {
    const auto shuffled = [&](uint64_t seed, uint64_t count) {
      std::vector<uint64_t> order(count);
      std::iota(order.begin(), order.end(), 0);
      std::ranges::sort(order, {}, [&](uint64_t i) { return hashOfCounter(seed, token * count + i); });
      return order;
    };
    const uint64_t inside = experts_ / groups_;
    const auto groups = shuffled(1, groups_), order = shuffled(2, inside);
    std::vector<uint64_t> out;
    for (uint64_t i = 0; out.size() < used_; ++i) {
      out.push_back(groups[i % keptGroups_] * inside + order[i / keptGroups_]);
    }
    return out;
  }

  void nameExperts() {
    const ModelTensor& t = *file_.header.tensor("token_embd.weight");
    const auto width = size_t(t.ne[0]);
    const std::span<float> all = floatsOf(t);
    float largest = 0;
    for (const float x : all) largest = std::max(largest, std::fabs(x));
    for (uint64_t token = 0; token * width < all.size(); ++token) {
      float* const row = &all[token * width];
      for (uint64_t e = 0; e < experts_; ++e) {
        const float size = float(hashOfCounter(3, token * experts_ + e) >> 56) / 512 + 0.5f;
        row[e] = -size * largest;
      }
      for (const uint64_t e : expertsOf(token)) row[e] = -row[e];
    }
  }

  void change(const ModelTensor& t) {
    const std::string_view name = t.name;
    const auto is = [&](std::string_view part) { return name.find("." + std::string(part)) != name.npos; };
    const bool bias = name.ends_with(".bias");
    if (is("ffn_gate_inp.")) {
      for (float& x : floatsOf(t)) x *= bias ? 0.1f : 0.0f;
      for (uint64_t e = 0; e < experts_ && !bias; ++e) floatsOf(t)[e * uint64_t(t.ne[0]) + e] = 4;
    } else if (is("exp_probs_b.")) {
      for (float& x : floatsOf(t)) x *= 0.25f;
    } else if (is("attn_output.") || is("ffn_down.") || is("ffn_down_shexp.") || is("ffn_down_exps.")) {
      const uint64_t in = bias ? 1 : uint64_t(t.ne[0]), out = uint64_t(t.ne[bias ? 0 : 1]);
      const std::span<float> all = floatsOf(t);
      for (size_t first = 0; first < all.size(); first += in * out)
        std::ranges::fill(all.subspan(first, in * experts_), 0.0f);
    }
  }

  std::vector<std::byte> bytes_;
  ModelFile file_;
  uint64_t experts_ = 0, used_ = 0, groups_ = 1, keptGroups_ = 1;
};

}  // namespace lemma::test
