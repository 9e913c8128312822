#include "engine/template/text_tools.h"

#include <algorithm>

#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
bool among(std::string_view characters, std::string_view one) {
  for (size_t i = 0; i < characters.size();) {
    const size_t n = codePointAt(characters, i).size;
    if (characters.substr(i, n) == one) return true;
    i += n;
  }
  return false;
}

size_t previous(std::string_view s, size_t end) {
  size_t i = end - 1;
  while (i > 0 && end - i < 4 && (uint8_t(s[i]) & 0xC0) == 0x80) --i;
  return i + codePointAt(s, i).size == end ? i : end - 1;
}
}  // namespace

Text stripped(const Text& t, const Text* characters, Side side) {
  const std::string_view s = t.bytes();
  const auto drop = [&](size_t at) {
    const CodePoint cp = codePointAt(s, at);
    return characters ? among(characters->bytes(), s.substr(at, cp.size)) : isSpace(cp.value);
  };
  size_t begin = 0, end = s.size();
  if (int(side) & int(Side::left)) {
    while (begin < end && drop(begin)) begin += codePointAt(s, begin).size;
  }
  if (int(side) & int(Side::right)) {
    while (end > begin && drop(previous(s, end))) end = previous(s, end);
  }
  return t.substr(begin, end - begin);
}

Text replaced(const Text& t, const Text& from, const Text& to, int64_t count, Budget& budget) {
  const std::string_view s = t.bytes();
  budget.spendBytes(s.size());
  Text out;
  size_t at = 0;
  const auto put = [&](size_t until) {
    if (out.size() + (until - at) + to.size() > kMaxText) exceeded("a text grows beyond 16 MiB");
    out.append(t, at, until - at);
    out.append(to);
    budget.spend(1 + int64_t(to.size() / 32));
    at = until;
  };
  if (from.empty()) {  // between all characters, and at both ends
    while (count != 0) {
      const size_t until = at;
      put(until);
      if (count > 0) --count;
      if (at >= s.size()) break;
      const size_t n = codePointAt(s, at).size;
      out.append(t, at, n);
      at += n;
    }
    out.append(t, at, s.size() - at);
    return out;
  }
  while (count != 0) {
    const size_t found = s.find(from.bytes(), at);
    if (found == s.npos) break;
    put(found);
    at = found + from.size();
    if (count > 0) --count;
  }
  out.append(t, at, s.size() - at);
  return out;
}

std::vector<Text> split(const Text& t, const Text* separator, int64_t limit, bool fromRight, Budget& budget) {
  const std::string_view s = t.bytes();
  budget.spendBytes(s.size());
  std::vector<Text> out;
  const auto put = [&](size_t begin, size_t end) {
    budget.spend(4);
    if (out.size() >= kMaxItems) exceeded("a list grows beyond 200,000 elements");
    out.push_back(t.substr(begin, end - begin));
  };
  if (separator && separator->empty()) refuse("a separator is empty");
  if (separator) {
    const std::string_view sep = separator->bytes();
    if (!fromRight) {
      size_t at = 0;
      for (; limit != 0; --limit) {
        const size_t found = s.find(sep, at);
        if (found == s.npos) break;
        put(at, found);
        at = found + sep.size();
      }
      put(at, s.size());
      return out;
    }
    size_t end = s.size();
    for (; limit != 0 && end >= sep.size(); --limit) {
      const size_t found = s.rfind(sep, end - sep.size());
      if (found == s.npos) break;
      put(found + sep.size(), end);
      end = found;
    }
    put(0, end);
    std::reverse(out.begin(), out.end());
    return out;
  }
  const auto space = [&](size_t at) { return isSpace(codePointAt(s, at).value); };
  if (!fromRight) {
    for (size_t at = 0; at < s.size();) {
      if (space(at)) {
        at += codePointAt(s, at).size;
        continue;
      }
      if (limit == 0) {
        put(at, s.size());
        break;
      }
      const size_t begin = at;
      while (at < s.size() && !space(at)) at += codePointAt(s, at).size;
      put(begin, at);
      --limit;
    }
    return out;
  }
  for (size_t end = s.size(); end > 0;) {
    if (space(previous(s, end))) {
      end = previous(s, end);
      continue;
    }
    if (limit == 0) {
      put(0, end);
      break;
    }
    const size_t last = end;
    while (end > 0 && !space(previous(s, end))) end = previous(s, end);
    put(end, last);
    --limit;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Text> lines(const Text& t, bool keepEnds, Budget& budget) {
  const std::string_view s = t.bytes();
  budget.spendBytes(s.size());
  std::vector<Text> out;
  size_t begin = 0;
  for (size_t i = 0; i < s.size();) {
    const CodePoint cp = codePointAt(s, i);
    size_t end = i + cp.size;
    const bool breaks = (cp.value >= 10 && cp.value <= 13) || (cp.value >= 0x1C && cp.value <= 0x1E) ||
                        cp.value == 0x85 || cp.value == 0x2028 || cp.value == 0x2029;
    if (breaks) {
      if (cp.value == '\r' && end < s.size() && s[end] == '\n') ++end;
      budget.spend(4);
      if (out.size() >= kMaxItems) exceeded("a list grows beyond 200,000 elements");
      out.push_back(t.substr(begin, (keepEnds ? end : i) - begin));
      begin = end;
    }
    i = end;
  }
  if (begin < s.size()) out.push_back(t.substr(begin));
  return out;
}

Text withCase(const Text& t, Case how, Budget& budget) {
  const std::string_view s = t.bytes();
  budget.spendBytes(s.size() * 4);
  Text out;
  bool inWord = false;
  for (size_t i = 0; i < s.size();) {
    const CodePoint cp = codePointAt(s, i);
    const bool cased = isUpper(cp.value) || isLower(cp.value);
    bool up = how == Case::upper;
    if (how == Case::swap) up = isLower(cp.value);
    if (how == Case::capital) up = i == 0;
    if (how == Case::title) up = !inWord;
    if (cased) {
      out.append(up ? upperOf(cp.value) : lowerOf(cp.value), t.fromUser(i));
    } else {
      out.append(t, i, cp.size);
    }
    inWord = cased;
    i += cp.size;
  }
  return out;
}

Text titleOfWords(const Text& t, Budget& budget) {
  const std::string_view s = t.bytes();
  budget.spendBytes(s.size() * 4);
  Text out;
  bool begins = true;
  for (size_t i = 0; i < s.size();) {
    const CodePoint cp = codePointAt(s, i);
    const bool breaks = isSpace(cp.value) ||
                        (cp.value < 128 && std::string_view("-([{<").find(char(cp.value)) != std::string_view::npos);
    out.append(begins ? upperOf(cp.value) : lowerOf(cp.value), t.fromUser(i));
    begins = breaks;
    i += cp.size;
  }
  return out;
}

}  // namespace lemma::jinja
