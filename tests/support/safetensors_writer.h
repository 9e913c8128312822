// Writes small safetensors files for tests, right ones and, by their JSON, broken ones. Test code only.
#pragma once

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lemma::test {

// A header of `json`, then `data`; `length` is what the first eight bytes claim, by default the truth.
inline std::string safetensorsOf(std::string_view json, std::string_view data = {}, int64_t length = -1) {
  const uint64_t claimed = length < 0 ? json.size() : uint64_t(length);
  std::string out(8, '\0');
  std::memcpy(out.data(), &claimed, 8);
  return out.append(json).append(data);
}

// Collects tensors one after another.
class SafetensorsWriter {
 public:
  SafetensorsWriter& tensor(const std::string& name, const std::string& dtype, const std::vector<uint64_t>& shape,
                            std::string_view data) {
    header_[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {data_.size(), data_.size() + data.size()}}};
    data_ += data;
    return *this;
  }
  SafetensorsWriter& floats(const std::string& name, const std::vector<uint64_t>& shape,
                            const std::vector<float>& values) {
    return tensor(name, "F32", shape, {reinterpret_cast<const char*>(values.data()), values.size() * 4});
  }
  std::string bytes() const { return safetensorsOf(header_.dump(), data_); }
  bool write(const std::string& path) const {
    std::ofstream out(path, std::ios::binary);
    out << bytes();
    return bool(out);
  }

 private:
  nlohmann::json header_ = nlohmann::json::object();
  std::string data_;
};

}  // namespace lemma::test
