#include "engine/safetensors/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "engine/model_file/checked.h"

static_assert(std::endian::native == std::endian::little, "safetensors are read in the machine's own byte order");

namespace lemma {
namespace {

using namespace safetensors_limits;

struct Dtype {
  std::string_view name;
  Type type;
};
constexpr Dtype kDtypes[] = {{"F32", Type::F32},         {"F16", Type::F16}, {"BF16", Type::BF16}, {"F64", Type::F64},
                             {"F8_E4M3", Type::F8_E4M3}, {"I8", Type::I8},   {"I16", Type::I16},   {"I32", Type::I32},
                             {"I64", Type::I64},         {"U8", Type::U8},   {"BOOL", Type::U8}};

// Takes the header's JSON event by event, so that nothing is built from what was not checked. Depth 1 is the object of
// tensors, 2 one tensor or the file's notes, 3 a shape or a place.
class HeaderReader : public nlohmann::json::json_sax_t {
 public:
  explicit HeaderReader(uint64_t dataBytes) : dataBytes_(dataBytes) {}

  Result<void> result() const { return status_; }
  std::vector<ModelTensor> tensors;

  bool null() override { return foreign(); }
  bool boolean(bool) override { return foreign(); }
  bool number_integer(number_integer_t) override { return wrong(Err::badValue, "holds a number below zero"); }
  bool number_float(number_float_t, const string_t&) override { return foreign(); }
  bool binary(binary_t&) override { return foreign(); }

  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ != 3 || notes_) return foreign();
    if (field_ == Field::shape) {
      if (shape_.size() == 4) return wrong(Err::unsupported, "has more than 4 dimensions");
      shape_.push_back(value);
    } else {
      if (places_.size() == 2) return wrong(Err::badValue, "has more than two data_offsets");
      places_.push_back(value);
    }
    return true;
  }

  bool string(string_t& text) override {
    if (notes_ && depth_ == 2) return true;  // notes are for people
    if (depth_ != 2 || field_ != Field::dtype) return foreign();
    const auto* known = std::ranges::find(kDtypes, std::string_view(text), &Dtype::name);
    if (known == std::end(kDtypes)) {
      return wrong(Err::unsupported, "has the dtype " + quotedName(text) + ", which this build does not know");
    }
    type_ = known->type;
    return true;
  }

  bool start_object(std::size_t) override {
    if (++depth_ == 1) return true;
    if (depth_ > 2) return foreign();
    seen_ = 0;
    shape_.clear();
    places_.clear();
    return true;
  }

  bool end_object() override {
    if (--depth_ == 0) return true;
    if (!notes_) return finishTensor();
    notes_ = false;
    return true;
  }

  bool start_array(std::size_t) override {
    ++depth_;
    return (depth_ == 3 && !notes_ && (field_ == Field::shape || field_ == Field::places)) || foreign();
  }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool key(string_t& text) override {
    if (depth_ == 1) return startTensor(text);
    if (notes_) return true;
    static constexpr std::pair<std::string_view, Field> kFields[] = {
        {"dtype", Field::dtype}, {"shape", Field::shape}, {"data_offsets", Field::places}};
    for (const auto& [name, field] : kFields) {
      if (text != name) continue;
      field_ = field;
      const unsigned bit = 1u << unsigned(field);
      if (seen_ & bit) return wrong(Err::badValue, "names " + text + " twice");
      seen_ |= bit;
      return true;
    }
    return wrong(Err::badValue, "has the key " + quotedName(text) + ", which the format does not define");
  }

  bool parse_error(std::size_t at, const std::string&, const nlohmann::json::exception&) override {
    if (status_) status_ = fail(Err::badValue, "the header is no JSON from its byte " + std::to_string(at) + " on");
    return false;
  }

 private:
  enum class Field : uint8_t { dtype, shape, places };

  bool wrong(Err code, const std::string& what) {
    if (status_) {
      status_ = fail(code, (name_.empty() ? "the header" : "the tensor " + quotedName(name_)) + " " + what);
    }
    return false;
  }
  bool foreign() { return wrong(Err::badValue, "does not have the form {dtype, shape, data_offsets}"); }

  bool startTensor(const std::string& name) {
    name_ = name.substr(0, kNameBytes);
    notes_ = name == "__metadata__";
    if (name.empty()) return wrong(Err::badValue, "has a tensor without a name");
    if (name.size() > kNameBytes) {
      return wrong(Err::tooLarge, "has a name of " + std::to_string(name.size()) + " bytes, more than the " +
                                      std::to_string(kNameBytes) + " allowed");
    }
    if (!names_.insert(name).second) return wrong(Err::badValue, "occurs twice");
    if (names_.size() > kTensors) {
      return wrong(Err::tooLarge, "is one of more than the " + std::to_string(kTensors) + " tensors allowed");
    }
    return true;
  }

  bool finishTensor() {
    if (seen_ != 7) return wrong(Err::badValue, "lacks one of dtype, shape and data_offsets");
    if (places_.size() != 2) return wrong(Err::badValue, "has not two data_offsets");
    ModelTensor t{.name = name_, .type = type_, .rank = std::max<int>(1, int(shape_.size())), .offset = places_[0]};
    uint64_t elements = 1;
    for (size_t i = 0; i < shape_.size(); ++i) {
      const uint64_t ne = shape_[shape_.size() - 1 - i];
      if (ne == 0) return wrong(Err::badValue, "has a dimension of zero");
      const auto product = checkedMul(elements, ne);
      if (!product || *product > uint64_t(std::numeric_limits<int64_t>::max())) {
        return wrong(Err::tooLarge, "has more elements than a size can hold");
      }
      elements = *product;
      t.ne[i] = int64_t(ne);
    }
    const auto bytes = rowBytes(t.type, int64_t(elements));
    if (places_[1] < places_[0] || places_[1] > dataBytes_) {
      return wrong(places_[1] < places_[0] ? Err::badValue : Err::truncated,
                   "lies from " + std::to_string(places_[0]) + " to " + std::to_string(places_[1]) + " of " +
                       std::to_string(dataBytes_) + " bytes of data");
    }
    if (!bytes || *bytes != places_[1] - places_[0]) {
      return wrong(Err::badValue, "has a shape and dtype that do not take the " +
                                      std::to_string(places_[1] - places_[0]) + " bytes of its data_offsets");
    }
    t.bytes = *bytes;
    tensors.push_back(std::move(t));
    name_.clear();
    return true;
  }

  const uint64_t dataBytes_;
  Result<void> status_;
  int depth_ = 0;
  std::unordered_set<std::string> names_;
  // of the tensor being read
  std::string name_;
  bool notes_ = false;
  Field field_{};
  unsigned seen_ = 0;
  Type type_{};
  std::vector<uint64_t> shape_, places_;
};

// Sorts by place and checks that the tensors lie one after the other up to the end.
Result<void> placeTensors(std::vector<ModelTensor>& tensors, uint64_t headerBytes, uint64_t dataBytes) {
  std::ranges::sort(tensors, {}, &ModelTensor::offset);
  uint64_t at = 0;
  for (ModelTensor& t : tensors) {
    if (t.offset != at) {
      return fail(Err::badValue, "the tensor " + quotedName(t.name) +
                                     (t.offset < at ? " overlaps the one before it" : " leaves a gap before it"));
    }
    at += t.bytes;  // within dataBytes: checked for each tensor
    t.offset += headerBytes;
  }
  if (at != dataBytes) {
    return fail(Err::badValue, "the tensors take " + std::to_string(at) + " of the " + std::to_string(dataBytes) +
                                   " bytes behind the header");
  }
  return {};
}

}  // namespace

Result<SafetensorsHeader> parseSafetensors(std::span<const std::byte> bytes, uint64_t fileBytes) {
  uint64_t length = 0;
  if (bytes.size() < sizeof(length)) return fail(Err::truncated, "the file ends inside the length of its header");
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > kHeaderBytes) {
    return fail(Err::tooLarge, "the file claims a header of " + std::to_string(length) + " bytes, more than the " +
                                   std::to_string(kHeaderBytes) + " allowed");
  }
  const auto rest = bytes.subspan(sizeof(length));
  if (length > rest.size()) return fail(Err::truncated, "the file ends inside its header");
  const std::string_view json(reinterpret_cast<const char*>(rest.data()), size_t(length));
  if (json.empty() || json.front() != '{') {
    return fail(Err::badMagic, "the file is not safetensors: its header does not start with \"{\"");
  }
  SafetensorsHeader header{.headerBytes = sizeof(length) + length};
  const uint64_t dataBytes = fileBytes - header.headerBytes;
  HeaderReader reader(dataBytes);
  const bool read = nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  LEMMA_CHECK(reader.result());
  if (!read) return fail(Err::badValue, "the header is not a JSON object");
  header.tensors = std::move(reader.tensors);
  LEMMA_CHECK(placeTensors(header.tensors, header.headerBytes, dataBytes));
  return header;
}

}  // namespace lemma
