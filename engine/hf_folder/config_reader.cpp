#include "engine/hf_folder/config_reader.h"

#include <cmath>

#include "engine/model_file/model_header.h"

namespace lemma {

const nlohmann::json* ConfigReader::value(std::string_view key) const {
  if (!object_) return nullptr;
  const auto it = object_->find(key);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

void ConfigReader::refuse(Err code, std::string_view key, std::string_view what) {
  if (status_) status_ = fail(code, "the key " + quotedName(where_ + std::string(key)) + " " + std::string(what));
}

std::optional<uint64_t> ConfigReader::whole(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (!v) return std::nullopt;
  if (v->is_number_unsigned()) return v->get<uint64_t>();
  refuse(Err::badValue, key, "does not hold a whole number from 0");
  return std::nullopt;
}

std::optional<double> ConfigReader::real(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (!v) return std::nullopt;
  if (v->is_number() && std::isfinite(v->get<double>())) return v->get<double>();
  refuse(Err::badValue, key, "does not hold a number");
  return std::nullopt;
}

std::optional<bool> ConfigReader::flag(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (!v) return std::nullopt;
  if (v->is_boolean()) return v->get<bool>();
  refuse(Err::badValue, key, "does not hold true or false");
  return std::nullopt;
}

std::optional<std::string> ConfigReader::text(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (!v) return std::nullopt;
  if (v->is_string()) return v->get<std::string>();
  refuse(Err::badValue, key, "does not hold a text");
  return std::nullopt;
}

std::vector<uint64_t> ConfigReader::wholes(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (!v) return {};
  std::vector<uint64_t> out;
  if (v->is_array()) {
    for (const auto& entry : *v) {
      if (entry.is_number_unsigned()) out.push_back(entry.get<uint64_t>());
    }
  }
  if (!v->is_array() || out.size() != v->size()) refuse(Err::badValue, key, "is not a list of whole numbers from 0");
  return out;
}

std::vector<double> ConfigReader::reals(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (!v) return {};
  std::vector<double> out;
  if (v->is_array()) {
    for (const auto& entry : *v) {
      if (entry.is_number() && std::isfinite(entry.get<double>())) out.push_back(entry.get<double>());
    }
  }
  if (!v->is_array() || out.size() != v->size()) refuse(Err::badValue, key, "is not a list of numbers");
  return out;
}

std::vector<std::string> ConfigReader::texts(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (!v) return {};
  std::vector<std::string> out;
  if (v->is_array()) {
    for (const auto& entry : *v) {
      if (entry.is_string()) out.push_back(entry.get<std::string>());
    }
  }
  if (!v->is_array() || out.size() != v->size()) refuse(Err::badValue, key, "is not a list of texts");
  return out;
}

const nlohmann::json* ConfigReader::object(std::string_view key) {
  const nlohmann::json* v = value(key);
  if (v && !v->is_object()) refuse(Err::badValue, key, "is not an object");
  return v && v->is_object() ? v : nullptr;
}

}  // namespace lemma
