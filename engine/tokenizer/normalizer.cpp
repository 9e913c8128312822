#include "engine/tokenizer/normalizer.h"

#include "engine/template/unicode.h"
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

class ToUnicodeForm final : public NormalizerStep {
 public:
  explicit ToUnicodeForm(UnicodeForm form) : form_(form) {}
  void apply(std::string& text) const override { text = unicodeForm(text, form_); }

 private:
  UnicodeForm form_;
};

// A step that writes each character anew: write(code point, its bytes, out).
template <class Write>
class EachCharacter final : public NormalizerStep {
 public:
  explicit EachCharacter(Write write) : write_(write) {}
  void apply(std::string& text) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decodeUtf8(text, at);
      write_(c.value, std::string_view(text).substr(at, size_t(c.bytes)), out);
      at += size_t(c.bytes);
    }
    text = std::move(out);
  }

 private:
  Write write_;
};
template <class Write>
std::unique_ptr<NormalizerStep> eachCharacter(Write write) {
  return std::make_unique<EachCharacter<Write>>(write);
}

class WithoutExtraSpaces final : public NormalizerStep {
 public:
  void apply(std::string& text) const override {
    std::string out;
    for (const char c : text) {
      if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
    }
    if (out.ends_with(' ')) out.pop_back();
    text = std::move(out);
  }
};

class MapLongest final : public NormalizerStep {
 public:
  explicit MapLongest(CharsMap map) : map_(std::move(map)) {}
  void apply(std::string& text) const override {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      // Longer keys than this are not written by the trainer, and a broken map must not make the text's square of work.
      const auto match = map_.longest(std::string_view(text).substr(at, kLongestKey));
      const size_t bytes = match ? match->bytes : size_t(decodeUtf8(text, at).bytes);
      out += match ? match->replacement : std::string_view(text).substr(at, bytes);
      at += bytes;
    }
    text = std::move(out);
  }

 private:
  static constexpr size_t kLongestKey = 64;
  CharsMap map_;
};

// Whether a character belongs to the one before it. Only clusters of up to 5 bytes matter here, so that flags, families
// of emoji and Hangul, which are longer, need no rule.
bool extends(uint32_t before, uint32_t c) {
  if (before == '\r') return c == '\n';
  const Category b = category(before);
  if (b == Category::Cc || b == Category::Zl || b == Category::Zp) return false;
  if (b == Category::Cf && before != 0x200c && before != 0x200d) return false;
  return charClass(c) == CharClass::mark || c == 0x200c || c == 0x200d || c == 0xff9e || c == 0xff9f;
}

class MapGraphemes final : public NormalizerStep {
 public:
  explicit MapGraphemes(CharsMap map) : map_(std::move(map)) {}
  void apply(std::string& text) const override {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      for (uint32_t before = 0; end < text.size();) {
        const CodePoint c = decodeUtf8(text, end);
        if (end > at && !extends(before, c.value)) break;
        before = c.value;
        end += size_t(c.bytes);
      }
      const auto cluster = std::string_view(text).substr(at, end - at);
      const auto whole = cluster.size() < 6 ? map_.shortest(cluster) : std::nullopt;
      if (whole) out += whole->replacement;
      for (size_t i = 0; !whole && i < cluster.size();) {
        const auto one = cluster.substr(i, size_t(decodeUtf8(cluster, i).bytes));
        const auto match = map_.shortest(one);
        out += match ? match->replacement : one;
        i += one.size();
      }
      at = end;
    }
    text = std::move(out);
  }

 private:
  CharsMap map_;
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
std::unique_ptr<NormalizerStep> toUnicodeForm(UnicodeForm form) { return std::make_unique<ToUnicodeForm>(form); }
std::unique_ptr<NormalizerStep> toLowerCase() {
  return eachCharacter([](uint32_t c, std::string_view bytes, std::string& out) {
    if (c == 0xfffd) {
      out += bytes;
    } else {
      out += jinja::lowerOf(c);
    }
  });
}
std::unique_ptr<NormalizerStep> withoutMarks() {
  return eachCharacter([](uint32_t c, std::string_view bytes, std::string& out) {
    if (charClass(c) != CharClass::mark) out += bytes;
  });
}
std::unique_ptr<NormalizerStep> withoutExtraSpaces() { return std::make_unique<WithoutExtraSpaces>(); }
std::unique_ptr<NormalizerStep> mapLongest(CharsMap map) { return std::make_unique<MapLongest>(std::move(map)); }
std::unique_ptr<NormalizerStep> mapGraphemes(CharsMap map) { return std::make_unique<MapGraphemes>(std::move(map)); }

}  // namespace lemma
