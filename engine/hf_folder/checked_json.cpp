#include "engine/hf_folder/checked_json.h"

#include <string>
#include <unordered_set>
#include <vector>

#include "engine/model_file/model_header.h"

namespace lemma {
namespace {

class Check : public nlohmann::json::json_sax_t {
 public:
  Result<void> result() const { return status_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    return refuse(Err::badValue, "the key " + quotedName(name) + " occurs twice");
  }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::json::exception&) override {
    return refuse(Err::badValue, "it is no JSON from its byte " + std::to_string(at) + " on");
  }

 private:
  bool enter() {
    keys_.emplace_back();
    return keys_.size() <= size_t(kJsonDepth) ||
           refuse(Err::tooLarge, "it is nested deeper than " + std::to_string(kJsonDepth) + " levels");
  }
  bool leave() {
    keys_.pop_back();
    return true;
  }
  bool refuse(Err code, const std::string& what) {
    if (status_) status_ = fail(code, what);
    return false;
  }

  std::vector<std::unordered_set<std::string>> keys_;  // of each open object
  Result<void> status_;
};

}  // namespace

Result<nlohmann::json> parseCheckedJson(std::string_view text) {
  Check check;
  nlohmann::json::sax_parse(text.begin(), text.end(), &check);
  LEMMA_CHECK(check.result());
  auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) return fail(Err::badValue, "it is not a JSON object");
  return json;
}

}  // namespace lemma
