#include "engine/tokenizer/char_set.h"

#include <algorithm>
#include <iterator>

namespace lemma {
namespace {

constexpr uint32_t kLast = 0x10ffff;

struct Name {
  std::string_view name;
  Category first, last;
};
constexpr Name kGroups[] = {{"L", Category::Lu, Category::Lo}, {"M", Category::Mn, Category::Me},
                            {"N", Category::Nd, Category::No}, {"P", Category::Pc, Category::Po},
                            {"S", Category::Sm, Category::So}, {"Z", Category::Zs, Category::Zp},
                            {"C", Category::Cc, Category::Cn}};
constexpr std::string_view kCategories[] = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
                                            "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc",
                                            "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"};
struct LongName {
  std::string_view name, shortName;
};
constexpr LongName kLongNames[] = {{"Letter", "L"},
                                   {"Mark", "M"},
                                   {"Number", "N"},
                                   {"Punctuation", "P"},
                                   {"Symbol", "S"},
                                   {"Punct", "P"},
                                   {"Uppercase_Letter", "Lu"},
                                   {"Lowercase_Letter", "Ll"},
                                   {"Digit", "Nd"},
                                   {"Upper", "Lu"},
                                   {"Lower", "Ll"}};

CharSet ofCategories(Category first, Category last) {
  std::vector<CodeRange> ranges;
  for (size_t i = 0; i < kCategoryRunCount; ++i) {
    const auto category = Category(kCategoryRuns[i] & 31);
    if (category < first || category > last) continue;
    const uint32_t end = i + 1 < kCategoryRunCount ? (kCategoryRuns[i + 1] >> 5) - 1 : kLast;
    ranges.push_back({kCategoryRuns[i] >> 5, end});
  }
  return CharSet::of(std::move(ranges));
}

}  // namespace

CharSet CharSet::of(std::vector<CodeRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  CharSet set;
  for (const CodeRange& r : ranges) {
    if (!set.ranges_.empty() && r.first <= set.ranges_.back().last + 1) {
      set.ranges_.back().last = std::max(set.ranges_.back().last, r.last);
    } else {
      set.ranges_.push_back(r);
    }
  }
  for (const CodeRange& r : set.ranges_) {
    for (uint32_t c = r.first; c <= r.last && c < 128; ++c) set.ascii_.set(c);
  }
  return set;
}

bool CharSet::search(uint32_t c) const {
  const auto r = std::lower_bound(ranges_.begin(), ranges_.end(), c,
                                  [](const CodeRange& range, uint32_t value) { return range.last < value; });
  return r != ranges_.end() && r->first <= c;
}

CharSet CharSet::space() { return ofCategories(Category::Zs, Category::Zp).united(of({{0x09, 0x0d}, {0x85, 0x85}})); }

CharSet CharSet::digit() { return ofCategories(Category::Nd, Category::Nd); }

CharSet CharSet::word() {
  // Letters that Unicode files among symbols, and the numbers of Latin-1.
  const CharSet others = of({{0x24b6, 0x24e9},
                             {0x1f130, 0x1f149},
                             {0x1f150, 0x1f169},
                             {0x1f170, 0x1f189},
                             {0xb2, 0xb3},
                             {0xb9, 0xb9},
                             {0xbc, 0xbe}});
  return ofCategories(Category::Lu, Category::Nl).united(ofCategories(Category::Pc, Category::Pc)).united(others);
}

bool CharSet::named(std::string_view name, CharSet& out) {
  for (const LongName& n : kLongNames) {
    if (n.name == name) name = n.shortName;
  }
  for (const Name& n : kGroups) {
    if (n.name == name) return out = ofCategories(n.first, n.last), true;
  }
  if (const auto it = std::find(std::begin(kCategories), std::end(kCategories), name); it != std::end(kCategories)) {
    const auto category = Category(it - std::begin(kCategories));
    return out = ofCategories(category, category), true;
  }
  if (name == "Han" || name == "Script=Han" || name == "sc=Han") {
    return out = of({kHanRanges, kHanRanges + kHanRangeCount}), true;
  }
  if (name == "White_Space" || name == "Space") return out = space(), true;
  return false;
}

CharSet CharSet::complement() const {
  std::vector<CodeRange> out;
  uint32_t next = 0;
  for (const CodeRange& r : ranges_) {
    if (r.first > next) out.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= kLast) out.push_back({next, kLast});
  return of(std::move(out));
}

CharSet CharSet::united(const CharSet& other) const {
  std::vector<CodeRange> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  return of(std::move(all));
}

CharSet CharSet::intersected(const CharSet& other) const {
  return complement().united(other.complement()).complement();
}

CharSet CharSet::caseless() const {
  std::vector<CodeRange> more = ranges_;
  const auto also = [&](uint32_t have, uint32_t add) {
    if (contains(have)) more.push_back({add, add});
  };
  for (uint32_t c = 'a'; c <= 'z'; ++c) {
    also(c, c - 32);
    also(c - 32, c);
  }
  for (const uint32_t s : {uint32_t('s'), uint32_t('S')}) {  // the long s
    also(s, 0x17f);
    also(0x17f, s);
  }
  for (const uint32_t k : {uint32_t('k'), uint32_t('K')}) {  // the sign of kelvin
    also(k, 0x212a);
    also(0x212a, k);
  }
  return of(std::move(more));
}

}  // namespace lemma
