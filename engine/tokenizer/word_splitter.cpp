#include "engine/tokenizer/word_splitter.h"

#include <algorithm>

#include "engine/tokenizer/byte_bpe.h"

namespace lemma {
namespace {

struct Stretch {
  TextRange range;
  bool match = false;
};

// The matches of one piece and what lies between them, in order.
void fillGaps(size_t begin, size_t end, bool invert, std::vector<Stretch>& stretches, std::vector<Stretch>& all) {
  all.clear();
  size_t done = begin;
  for (const Stretch& s : stretches) {
    if (s.range.begin > done) all.push_back({{done, s.range.begin}, invert});
    all.push_back({s.range, !invert});
    done = s.range.end;
  }
  if (done < end) all.push_back({{done, end}, invert});
}

void appendPieces(const std::vector<Stretch>& all, SplitBehavior behavior, std::vector<TextRange>& out) {
  const size_t first = out.size();
  const auto joins = [&](size_t i) {  // stretch i belongs to the one before it
    if (i == 0) return false;
    switch (behavior) {
      case SplitBehavior::contiguous:
        return all[i].match == all[i - 1].match;
      case SplitBehavior::mergedWithPrevious:
        return all[i].match && !all[i - 1].match;
      case SplitBehavior::mergedWithNext:
        return all[i - 1].match && !all[i].match;
      default:
        return false;
    }
  };
  for (size_t i = 0; i < all.size(); ++i) {
    if (behavior == SplitBehavior::removed && all[i].match) continue;
    if (out.size() > first && joins(i)) {
      out.back().end = all[i].range.end;
    } else {
      out.push_back(all[i].range);
    }
  }
}

// A step that cuts at matches: find(piece, matches) appends them, ascending, within the piece's bytes.
template <class Find>
class MatchStep final : public SplitStep {
 public:
  MatchStep(Find find, SplitBehavior behavior, bool invert)
      : find_(std::move(find)), behavior_(behavior), invert_(invert) {}

  void apply(TextPieces& pieces) const override {
    std::vector<TextRange> out;
    std::vector<Stretch> matches, all;
    auto find = find_.start();
    for (size_t i = 0; i < pieces.ranges.size(); ++i) {
      const TextRange piece = pieces.ranges[i];
      matches.clear();
      find(pieces[i], [&](size_t begin, size_t end) {
        matches.push_back({{piece.begin + begin, piece.begin + end}, true});
      });
      fillGaps(piece.begin, piece.end, invert_, matches, all);
      appendPieces(all, behavior_, out);
    }
    pieces.ranges = std::move(out);
  }

 private:
  Find find_;
  SplitBehavior behavior_;
  bool invert_;
};

struct RegexFind {
  Regex regex;
  auto start() const {
    return [search = RegexSearch(regex)](std::string_view text, auto&& found) mutable {
      search.setText(text);
      for (size_t at = 0; at < text.size();) {
        const size_t end = search.matchAt(at);
        if (end == RegexSearch::kNone || end == at) {
          at += size_t(decodeUtf8(text, at).bytes);
          continue;
        }
        found(at, end);
        at = end;
      }
    };
  }
};

struct TextFind {
  std::string wanted;  // not empty
  auto start() const {
    return [this](std::string_view text, auto&& found) {
      for (size_t at = 0; (at = text.find(wanted, at)) != std::string_view::npos; at += wanted.size()) {
        found(at, at + wanted.size());
      }
    };
  }
};

struct SetFind {
  CharSet set;
  auto start() const {
    return [this](std::string_view text, auto&& found) {
      for (size_t at = 0; at < text.size();) {
        const CodePoint c = decodeUtf8(text, at);
        if (set.contains(c.value)) found(at, at + size_t(c.bytes));
        at += size_t(c.bytes);
      }
    };
  }
};

template <class Find>
std::unique_ptr<SplitStep> matchStep(Find find, SplitBehavior behavior, bool invert) {
  return std::make_unique<MatchStep<Find>>(std::move(find), behavior, invert);
}

class ScannerStep final : public SplitStep {
 public:
  explicit ScannerStep(const Pretokenizer& pre) : pre_(pre) {}

  void apply(TextPieces& pieces) const override {
    std::vector<TextRange> out;
    std::vector<CharClass> classes;
    std::vector<size_t> ends;
    for (size_t i = 0; i < pieces.ranges.size(); ++i) {
      ends.clear();
      splitWords(pre_, pieces[i], classes, ends);
      size_t begin = pieces.ranges[i].begin;
      for (const size_t end : ends) {
        out.push_back({begin, pieces.ranges[i].begin + end});
        begin = out.back().end;
      }
    }
    pieces.ranges = std::move(out);
  }

 private:
  const Pretokenizer& pre_;
};

// A step that writes the pieces anew: write(piece, number, out).
template <class Write>
void rewrite(TextPieces& pieces, Write&& write) {
  std::string text;
  text.reserve(pieces.text.size() + pieces.text.size() / 4 + 4);
  for (size_t i = 0; i < pieces.ranges.size(); ++i) {
    const size_t begin = text.size();
    write(pieces[i], i, text);
    pieces.ranges[i] = {begin, text.size()};
  }
  pieces.text = std::move(text);
}

class MetaspaceStep final : public SplitStep {
 public:
  MetaspaceStep(std::string mark, PrependScheme prepend, bool split)
      : mark_(std::move(mark)), prepend_(prepend), split_(split) {}

  void apply(TextPieces& pieces) const override {
    const bool firstOpens = pieces.opensInput && !pieces.ranges.empty() && pieces.ranges[0].begin == 0;
    rewrite(pieces, [&](std::string_view piece, size_t number, std::string& out) {
      const bool here =
          prepend_ == PrependScheme::always || (prepend_ == PrependScheme::first && firstOpens && number == 0);
      if (here && !piece.starts_with(' ') && !piece.starts_with(mark_)) out += mark_;
      for (const char c : piece) {
        if (c == ' ') {
          out += mark_;
        } else {
          out += c;
        }
      }
    });
    if (split_) splitByText(mark_, SplitBehavior::mergedWithNext, false)->apply(pieces);
  }

 private:
  std::string mark_;
  PrependScheme prepend_;
  bool split_;
};

class PrependSpaceStep final : public SplitStep {
 public:
  void apply(TextPieces& pieces) const override {
    rewrite(pieces, [](std::string_view piece, size_t, std::string& out) {
      if (!piece.starts_with(' ')) out += ' ';
      out += piece;
    });
  }
};

class ByteLevelStep final : public SplitStep {
 public:
  void apply(TextPieces& pieces) const override {
    rewrite(pieces, [](std::string_view piece, size_t, std::string& out) { appendByteLevelEncoded(piece, out); });
    pieces.byteLevel = true;
  }
};

}  // namespace

std::unique_ptr<SplitStep> splitByPretokenizer(const Pretokenizer& pre) {
  if (pre.expression.empty()) return std::make_unique<ScannerStep>(pre);
  return splitByRegex(Regex::compile(pre.expression).value(), SplitBehavior::isolated, false);  // a test compiles all
}
std::unique_ptr<SplitStep> splitByRegex(Regex regex, SplitBehavior behavior, bool invert) {
  return matchStep(RegexFind{std::move(regex)}, behavior, invert);
}
std::unique_ptr<SplitStep> splitByText(std::string text, SplitBehavior behavior, bool invert) {
  return matchStep(TextFind{std::move(text)}, behavior, invert);
}
std::unique_ptr<SplitStep> splitBySet(CharSet set, SplitBehavior behavior) {
  return matchStep(SetFind{std::move(set)}, behavior, false);
}
std::unique_ptr<SplitStep> markSpaces(std::string mark, PrependScheme prepend, bool split) {
  return std::make_unique<MetaspaceStep>(std::move(mark), prepend, split);
}
std::unique_ptr<SplitStep> prependSpace() { return std::make_unique<PrependSpaceStep>(); }
std::unique_ptr<SplitStep> writeByteLevel() { return std::make_unique<ByteLevelStep>(); }

}  // namespace lemma
