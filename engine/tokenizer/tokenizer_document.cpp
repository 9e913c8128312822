#include "engine/tokenizer/tokenizer_document.h"

#include <optional>

namespace lemma {
namespace {

using nlohmann::json;

// The callbacks of nlohmann's parser; false ends the parse.
class Reader {
 public:
  Reader(std::string_view name, TokenizerDocument& out) : name_(name), out_(out) {}

  const std::optional<Error>& error() const { return error_; }

  bool null() { return value(nullptr); }
  bool boolean(bool b) { return value(b); }
  bool number_integer(int64_t n) { return number(n, double(n), json(n)); }
  bool number_unsigned(uint64_t n) {
    return number(n > uint64_t(INT64_MAX) ? INT64_MAX : int64_t(n), double(n), json(n));
  }
  bool number_float(double d, const std::string&) {
    if (place_ == Place::tokenOfList) return score(d);
    return value(d);
  }
  bool string(std::string& s) {
    switch (place_) {
      case Place::tree:
        return value(std::move(s));
      case Place::tokenOfList:
        if (filled_++ != 0) return odd();
        return addToken(s);
      case Place::merges:
        return addMerge(s);
      case Place::partsOfMerge:
        if (++filled_ > 2) return odd();
        out_.merges.add(s);
        return true;
      default:
        return odd();
    }
  }
  bool binary(json::binary_t&) { return false; }

  bool start_object(size_t) {
    if (!enter()) return false;
    if (isModelPart("vocab")) {
      place_ = Place::vocabOfObject;
      return true;
    }
    return place_ == Place::tree ? open(json::object()) : odd();
  }
  bool key(std::string& k) {
    if (place_ == Place::vocabOfObject) return addToken(k);
    key_ = k;
    if (depth_ == 1) top_ = k;
    return true;
  }
  bool end_object() { return leave(); }
  bool start_array(size_t) {
    if (!enter()) return false;
    if (isModelPart("vocab")) {
      place_ = Place::vocabOfList;
    } else if (isModelPart("merges")) {
      place_ = Place::merges;
      out_.hasMerges = true;
    } else if (place_ == Place::vocabOfList) {
      place_ = Place::tokenOfList;
      filled_ = 0;
    } else if (place_ == Place::merges) {
      if (out_.merges.size() / 2 >= TokenizerDocument::kMostMerges) return tooMany("merges");
      place_ = Place::partsOfMerge;
      filled_ = 0;
    } else {
      return place_ == Place::tree ? open(json::array()) : odd();
    }
    return true;
  }
  bool end_array() { return leave(); }
  bool parse_error(size_t position, const std::string&, const json::exception&) {
    return stop(Err::badValue, "is no valid JSON at byte " + std::to_string(position));
  }

 private:
  enum class Place : uint8_t { tree, vocabOfObject, vocabOfList, tokenOfList, merges, partsOfMerge };

  bool stop(Err code, std::string why) {
    if (!error_) error_ = Error{code, std::string(name_) + " " + std::move(why)};
    return false;
  }
  bool odd() {
    const bool merges = place_ == Place::merges || place_ == Place::partsOfMerge;
    return stop(Err::badValue,
                std::string("has an entry of an unknown form in model.") + (merges ? "merges" : "vocab"));
  }
  bool tooMany(const char* part) { return stop(Err::tooLarge, "has too many entries in " + std::string(part)); }

  bool enter() {
    if (++depth_ > TokenizerDocument::kDeepest) return stop(Err::tooLarge, "is nested too deep");
    return true;
  }
  // Whether what just began is the value of model.<key>.
  bool isModelPart(std::string_view key) const {
    return place_ == Place::tree && depth_ == 3 && top_ == "model" && key_ == key && stack_.size() == 2 &&
           stack_[1]->is_object();
  }
  bool leave() {
    --depth_;
    switch (place_) {
      case Place::vocabOfObject:
        if (out_.ids.size() != out_.tokens.size()) return odd();
        place_ = Place::tree;
        return true;
      case Place::vocabOfList:
      case Place::merges:
        place_ = Place::tree;
        return true;
      case Place::tokenOfList:
        place_ = Place::vocabOfList;
        return filled_ == 2 || odd();
      case Place::partsOfMerge:
        place_ = Place::merges;
        return filled_ == 2 || odd();
      default:
        stack_.pop_back();
        return true;
    }
  }

  bool addToken(const std::string& text) {
    if (place_ == Place::vocabOfObject && out_.ids.size() != out_.tokens.size()) return odd();
    if (out_.tokens.size() >= TokenizerDocument::kMostTokens) return tooMany("model.vocab");
    out_.tokens.add(text);
    return true;
  }
  bool addMerge(std::string_view text) {
    if (out_.merges.size() / 2 >= TokenizerDocument::kMostMerges) return tooMany("model.merges");
    const size_t space = text.find(' ', 1);  // a part is never empty
    if (space == std::string_view::npos || space + 1 == text.size()) {
      return stop(Err::badValue, "has an entry of model.merges that is not two parts");
    }
    out_.merges.add(text.substr(0, space));
    out_.merges.add(text.substr(space + 1));
    return true;
  }
  bool score(double d) {
    if (filled_++ != 1) return odd();
    out_.scores.push_back(d);
    return true;
  }
  bool number(int64_t n, double d, json tree) {
    if (place_ == Place::tokenOfList) return score(d);
    if (place_ != Place::vocabOfObject) return value(std::move(tree));
    if (out_.ids.size() + 1 != out_.tokens.size()) return odd();
    out_.ids.push_back(n);
    return true;
  }
  bool value(json v) {
    if (place_ != Place::tree) return odd();
    return put(std::move(v)) != nullptr;
  }
  json* put(json v) {
    if (++values_ > TokenizerDocument::kMostValues) {
      tooMany("all");
      return nullptr;
    }
    if (stack_.empty()) {
      out_.tree = std::move(v);
      return &out_.tree;
    }
    json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(v));
      return &parent.back();
    }
    json& slot = parent[key_];
    slot = std::move(v);
    return &slot;
  }
  // A pointer into a list stays while the value in it is open: the list grows only when it is closed.
  bool open(json v) {
    json* at = put(std::move(v));
    if (at) stack_.push_back(at);
    return at != nullptr;
  }

  std::string_view name_;
  TokenizerDocument& out_;
  std::optional<Error> error_;
  Place place_ = Place::tree;
  int depth_ = 0, filled_ = 0;
  size_t values_ = 0;
  std::string key_, top_;
  std::vector<json*> stack_;
};

}  // namespace

Result<TokenizerDocument> TokenizerDocument::parse(std::string_view name, std::string_view text) {
  if (text.size() > kMostBytes) return fail(Err::tooLarge, std::string(name) + " has more than 128 MiB");
  TokenizerDocument out;
  Reader reader(name, out);
  const bool ok = json::sax_parse(text, &reader);
  if (reader.error()) return tl::unexpected(*reader.error());
  if (!ok || !out.tree.is_object()) return fail(Err::badValue, std::string(name) + " holds no JSON object");
  return out;
}

}  // namespace lemma
