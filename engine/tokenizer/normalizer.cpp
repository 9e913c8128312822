#include "engine/tokenizer/normalizer.h"

#include "engine/tokenizer/unicode_class.h"

namespace lemma {
namespace {

class ReplaceText final : public NormalizerStep {
 public:
  ReplaceText(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}

  void apply(std::string& text) const override {
    std::string out;
    size_t done = 0;
    for (size_t at; (at = text.find(from_, done)) != std::string::npos; done = at + from_.size()) {
      out.append(text, done, at - done);
      out += to_;
    }
    if (done == 0) return;
    out.append(text, done);
    text = std::move(out);
  }

 private:
  std::string from_, to_;
};

class ReplaceRegex final : public NormalizerStep {
 public:
  ReplaceRegex(Regex from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}

  void apply(std::string& text) const override {
    std::string out;
    RegexSearch search(from_);
    search.setText(text);
    for (size_t at = 0; at < text.size();) {
      const size_t end = search.matchAt(at);
      const bool match = end != RegexSearch::kNone && end > at;
      const size_t next = match ? end : at + size_t(decodeUtf8(text, at).bytes);
      if (match) {
        out += to_;
      } else {
        out.append(text, at, next - at);
      }
      at = next;
    }
    text = std::move(out);
  }

 private:
  Regex from_;
  std::string to_;
};

class PrependText final : public NormalizerStep {
 public:
  explicit PrependText(std::string front) : front_(std::move(front)) {}
  void apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, front_);
  }

 private:
  std::string front_;
};

class StripSpaces final : public NormalizerStep {
 public:
  StripSpaces(bool left, bool right) : left_(left), right_(right) {}
  void apply(std::string& text) const override {
    size_t begin = 0, end = 0;  // of what stays: from the first to after the last character that is no space
    bool any = false;
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decodeUtf8(text, at);
      if (charClass(c.value) != CharClass::space) {
        if (!any) begin = at;
        any = true;
        end = at + size_t(c.bytes);
      }
      at += size_t(c.bytes);
    }
    if (!any) {
      if (left_ || right_) text.clear();
      return;
    }
    if (right_) text.resize(end);
    if (left_) text.erase(0, begin);
  }

 private:
  bool left_, right_;
};

}  // namespace

std::unique_ptr<NormalizerStep> replaceText(std::string from, std::string to) {
  return std::make_unique<ReplaceText>(std::move(from), std::move(to));
}
std::unique_ptr<NormalizerStep> replaceRegex(Regex from, std::string to) {
  return std::make_unique<ReplaceRegex>(std::move(from), std::move(to));
}
std::unique_ptr<NormalizerStep> prependText(std::string front) {
  return std::make_unique<PrependText>(std::move(front));
}
std::unique_ptr<NormalizerStep> stripSpaces(bool left, bool right) {
  return std::make_unique<StripSpaces>(left, right);
}

}  // namespace lemma
