#include "storage/export/bounded_json.h"

#include <string>
#include <vector>

namespace lemma::storage {
namespace {

using BoundedJson = nlohmann::ordered_json;

// Builds the value as the parser goes through the text; false stops it. The names are nlohmann's.
class Builder {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() { return put(nullptr) != nullptr; }
  bool boolean(bool value) { return put(value) != nullptr; }
  bool number_integer(int64_t value) { return put(value) != nullptr; }
  bool number_unsigned(uint64_t value) { return put(value) != nullptr; }
  bool number_float(double value, const std::string&) { return put(value) != nullptr; }
  bool string(std::string& value) {
    if (value.size() > limits_.text)
      return refuse("longer than " + std::to_string(limits_.text) + " bytes.", Err::tooLarge);
    return put(std::move(value)) != nullptr;
  }
  bool binary(BoundedJson::binary_t&) { return false; }  // not in JSON's text
  bool start_object(size_t) { return open(BoundedJson::object()); }
  bool start_array(size_t) { return open(BoundedJson::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    Level& level = levels_.back();
    if (name.size() > limits_.key)
      return refuse("has a key longer than " + std::to_string(limits_.key) + " bytes.", Err::tooLarge);
    if (level.container->size() == limits_.keys)
      return refuse("has more than " + std::to_string(limits_.keys) + " keys.", Err::tooLarge);
    const bool twice = level.container->contains(name);
    level.key = std::move(name);
    if (twice) return refuse("stands there twice.");
    return true;
  }
  bool parse_error(size_t position, const std::string&, const BoundedJson::exception&) {
    const std::string where = path();
    error_ = {Err::badValue, "The file is not JSON in UTF-8 at byte " + std::to_string(position) +
                                 (where.empty() ? "." : ", in " + where + ".")};
    return false;
  }

  BoundedJson take() { return std::move(root_); }
  Error error() const { return error_; }

 private:
  struct Level {
    BoundedJson* container;  // stays where it is: nothing is put beside it before it is closed
    std::string key;         // of an object: the member that is being read
  };

  BoundedJson* put(BoundedJson value) {
    if (++values_ > limits_.values) {
      refuse("the file has more than " + std::to_string(limits_.values) + " values.", Err::tooLarge);
      return nullptr;
    }
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    const Level& level = levels_.back();
    if (level.container->is_array()) return &level.container->emplace_back(std::move(value));
    return &level.container->emplace(level.key, std::move(value)).first.value();
  }
  bool open(BoundedJson container) {
    if (levels_.size() == limits_.depth)
      return refuse("lies deeper than " + std::to_string(limits_.depth) + " levels.", Err::tooLarge);
    BoundedJson* placed = put(std::move(container));
    if (placed) levels_.push_back({placed, {}});
    return placed != nullptr;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }
  // Where the parser is: conversations[0].messages[3].text
  std::string path() const {
    std::string out;
    for (size_t i = 0; i < levels_.size(); ++i) {
      const Level& level = levels_[i];
      if (level.container->is_object()) {
        if (level.key.empty()) return out;
        if (!out.empty()) out += '.';
        out += level.key;
      } else {
        // The last level's next element is not there yet.
        const size_t count = level.container->size();
        out += '[' + std::to_string(i + 1 < levels_.size() ? count - 1 : count) + ']';
      }
    }
    return out;
  }
  bool refuse(const std::string& what, Err code = Err::badValue) {
    const std::string where = path();
    error_ = {code, (where.empty() ? "The file: " : where + ": ") + what};
    return false;
  }

  const JsonLimits& limits_;
  BoundedJson root_;
  std::vector<Level> levels_;
  size_t values_ = 0;
  Error error_;
};

}  // namespace

Result<nlohmann::ordered_json> parseBounded(std::string_view text, const JsonLimits& limits) {
  Builder builder(limits);
  if (!BoundedJson::sax_parse(text.begin(), text.end(), &builder)) return tl::unexpected(builder.error());
  return builder.take();
}

}  // namespace lemma::storage
