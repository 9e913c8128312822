// The models of tests/goldens/models as folders of transformers. Test code only.
#pragma once

#include <filesystem>
#include <fstream>

#include "tests/model/paired_experts.h"

namespace lemma::test {

using Rename = std::string (*)(const std::string&);

inline std::string_view charsOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A tensor of BF16, or of 8-bit floats with a factor for each block of 128 x 128; false where it is of float32.
inline bool writeSmaller(const nlohmann::json& t, SafetensorsWriter& w) {
  const auto ne = t["ne"].get<std::vector<uint64_t>>();
  const uint64_t count = std::accumulate(ne.begin(), ne.end(), uint64_t(1), std::multiplies<>());
  const auto name = t["hf"].get<std::string>();
  const auto seed = t["seed"].get<uint64_t>();
  const float scale = t["scale"].get<float>();
  const std::vector<uint64_t> shape(ne.rbegin(), ne.rend());
  if (t["type"] == "BF16") {
    w.tensor(name, "BF16", shape, charsOf(countedBfloats(seed, count, scale, t["offset"].get<float>())));
  } else if (t["type"] == "F8_E4M3") {
    constexpr uint64_t kBlock = 128, kSeedOfFactors = 1 << 16;
    const std::vector<uint64_t> blocks{(shape[0] + kBlock - 1) / kBlock, (shape[1] + kBlock - 1) / kBlock};
    w.tensor(name, "F8_E4M3", shape, charsOf(countedEights(seed, count)));
    w.tensor(name + "_scale_inv", "F32", blocks,
             charsOf(countedFloats(seed + kSeedOfFactors, blocks[0] * blocks[1], scale / 2, scale)));
  } else {
    return false;
  }
  return true;
}

// Tensors under the names of transformers' parameters.
inline void writeParameters(const nlohmann::json& golden, SafetensorsWriter& w, Rename rename) {
  for (const auto& t : golden["tensors"]) {
    if (!t.contains("hf") || writeSmaller(t, w)) continue;
    const auto ne = t["ne"].get<std::vector<uint64_t>>();
    const uint64_t count = std::accumulate(ne.begin(), ne.end(), uint64_t(1), std::multiplies<>());
    const auto bytes =
        countedFloats(t["seed"].get<uint64_t>(), count, t["scale"].get<float>(), t["offset"].get<float>());
    std::vector<float> values(count);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    for (float& v : values) v -= t.value("hf_less", 0.0f);
    const std::string name = rename(t["hf"].get<std::string>());
    const size_t star = name.find('*');
    if (star == std::string::npos) {
      std::vector<uint64_t> shape(ne.rbegin(), ne.rend());
      if (name.ends_with("shared_expert_gate.weight")) shape.insert(shape.begin(), 1);
      w.floats(name, shape, values);
      continue;
    }
    const auto one = ptrdiff_t(ne[0] * ne[1]);
    for (uint64_t e = 0; e < ne[2]; ++e) {
      const auto first = values.begin() + ptrdiff_t(e) * one;
      w.floats(std::string(name).replace(star, 1, std::to_string(e)), {ne[1], ne[0]}, {first, first + one});
    }
  }
  if (golden.contains("experts_crc32")) PairedExperts(golden, w).write();
}

// A model as transformers keeps it.
inline bool writeCountedFolder(const nlohmann::json& golden, const std::filesystem::path& folder) {
  SafetensorsWriter w;
  writeParameters(golden, w, [](const std::string& name) { return name; });
  std::ofstream(folder / "config.json") << golden["config"].dump();
  return w.write((folder / "model.safetensors").string());
}

// The names of a text model inside one that also sees: those of older and of newer folders.
inline std::string olderName(const std::string& name) { return "language_model." + name; }
inline std::string newerName(const std::string& name) {
  return name.starts_with("model.") ? "model.language_model" + name.substr(5) : name;
}

inline bool writeSeeingFolder(const nlohmann::json& golden, const std::filesystem::path& folder, Rename rename) {
  SafetensorsWriter w;
  writeParameters(golden, w, rename);
  for (const auto& [name, shape] : golden["multimodal"]["others"].items()) {
    const auto ne = shape.get<std::vector<uint64_t>>();
    const uint64_t count = std::accumulate(ne.begin(), ne.end(), uint64_t(1), std::multiplies<>());
    w.floats(name, ne, std::vector<float>(count, 0.5f));
  }
  std::ofstream(folder / "config.json") << golden["multimodal"]["config"].dump();
  return w.write((folder / "model.safetensors").string());
}

}  // namespace lemma::test
