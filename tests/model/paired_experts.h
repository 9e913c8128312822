// Experts of a model of tests/goldens/models as gpt-oss's folders keep them: gate and up in turns, floats the other way
// round, MXFP4 as values and scales apart. make_arch_goldens.py wrote down what transformers reads so. Test code only.
#pragma once

#include <array>
#include <stdexcept>

#include "tests/model/counted_model.h"
#include "tests/support/safetensors_writer.h"

namespace lemma::test {

inline uint32_t crc32Of(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const unsigned char byte : bytes) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

// Pieces of `unit` bytes of `a` and of `b` in turns; b may be empty.
inline std::string inTurns(std::string_view a, std::string_view b, size_t unit) {
  std::string out;
  for (size_t at = 0; at < a.size(); at += unit) {
    out += a.substr(at, unit);
    if (!b.empty()) out += b.substr(at, unit);
  }
  return out;
}

class PairedExperts {
 public:
  PairedExperts(const nlohmann::json& golden, SafetensorsWriter& w) : golden_(golden), w_(w) {}

  void write() {
    for (const auto& t : golden_["tensors"]) {
      const auto name = t["name"].get<std::string>();
      constexpr std::string_view kGate = ".ffn_gate_exps.weight";
      if (!name.ends_with(kGate)) continue;
      layer_ = name.substr(0, name.size() - kGate.size() + 1);
      number_ = name.substr(4, layer_.size() - 5);
      matrices("gate_up_proj", {"ffn_gate_exps", "ffn_up_exps"});
      matrices("down_proj", {"ffn_down_exps", ""});
    }
  }

 private:
  using Names = std::array<std::string, 2>;  // the second may be empty

  const nlohmann::json& tensor(const std::string& name) const {
    for (const auto& t : golden_["tensors"]) {
      if (t["name"] == layer_ + name) return t;
    }
    throw std::runtime_error(layer_ + name + " is missing");
  }

  std::string bytesOf(const std::string& name) const {
    if (name.starts_with(".")) return {};
    const auto& t = tensor(name);
    const auto ne = t["ne"].get<std::vector<uint64_t>>();
    const uint64_t count = std::accumulate(ne.begin(), ne.end(), uint64_t(1), std::multiplies<>());
    const auto bytes = t["type"] == "MXFP4" ? countedMxfp4(t["seed"].get<uint64_t>(), count, t["exponent"].get<int>())
                                            : countedFloats(t["seed"].get<uint64_t>(), count, t["scale"].get<float>(),
                                                            t["offset"].get<float>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  void add(const std::string& ending, const std::string& dtype, const std::vector<uint64_t>& shape,
           const std::string& bytes) {
    const std::string name = "model.layers." + number_ + ".mlp.experts." + ending;
    if (crc32Of(bytes) != golden_["experts_crc32"].at(name)) throw std::runtime_error(name + " is written otherwise");
    w_.tensor(name, dtype, shape, bytes);
  }

  void matrices(const std::string& hf, const Names& names) {
    const auto ne = tensor(names[0] + ".weight")["ne"].get<std::vector<uint64_t>>();
    const uint64_t in = ne[0], out = names[1].empty() ? ne[1] : 2 * ne[1], experts = ne[2];
    const auto both = [&](const char* ending, size_t unit) {
      return inTurns(bytesOf(names[0] + ending), bytesOf(names[1] + ending), unit);
    };
    add(hf + "_bias", "F32", {experts, out}, both(".bias", sizeof(float)));
    if (tensor(names[0] + ".weight")["type"] == "MXFP4") {
      const std::string rows = both(".weight", in / 32 * 17);
      std::string blocks, scales;
      for (size_t at = 0; at < rows.size(); at += 17) {
        const auto level = [&](size_t i) { return (uint8_t(rows[at + 1 + i % 16]) >> (i < 16 ? 0 : 4)) & 15; };
        scales += rows[at];
        for (size_t i = 0; i < 32; i += 2) blocks += char(level(i) | level(i + 1) << 4);
      }
      add(hf + "_blocks", "U8", {experts, out, in / 32, 16}, blocks);
      add(hf + "_scales", "U8", {experts, out, in / 32}, scales);
      return;
    }
    const std::string rows = both(".weight", in * sizeof(float));
    std::string turned(rows.size(), '\0');
    for (uint64_t e = 0; e < experts; ++e) {
      for (uint64_t o = 0; o < out; ++o) {
        for (uint64_t i = 0; i < in; ++i) {
          std::memcpy(&turned[((e * in + i) * out + o) * sizeof(float)],
                      &rows[((e * out + o) * in + i) * sizeof(float)], sizeof(float));
        }
      }
    }
    add(hf, "F32", {experts, in, out}, turned);
  }

  const nlohmann::json& golden_;
  SafetensorsWriter& w_;
  std::string layer_, number_;  // "blk.3." and "3"
};

}  // namespace lemma::test
