#include "engine/text/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace lemma {

StopMatcher::StopMatcher(std::vector<std::string> stops) {
  for (std::string& stop : stops) {
    if (stop.empty()) continue;
    Pattern p{std::move(stop), {}, 0};
    p.border.assign(p.text.size(), 0);
    for (size_t i = 1, k = 0; i < p.text.size(); ++i) {
      while (k > 0 && p.text[i] != p.text[k]) k = p.border[k - 1];
      if (p.text[i] == p.text[k]) ++k;
      p.border[i] = k;
    }
    patterns_.push_back(std::move(p));
  }
}

StopMatcher::Out StopMatcher::push(std::string_view text) {
  if (stopped_) return {"", true};
  if (patterns_.empty()) return {text, false};
  for (const char c : text) {
    held_ += c;
    size_t complete = 0;
    for (Pattern& p : patterns_) {
      while (p.matched > 0 && p.text[p.matched] != c) p.matched = p.border[p.matched - 1];
      if (p.text[p.matched] == c) ++p.matched;
      if (p.matched == p.text.size()) complete = std::max(complete, p.matched);
    }
    if (complete > 0) {
      stopped_ = true;
      held_.resize(held_.size() - complete);
      out_ = std::exchange(held_, {});
      return {out_, true};
    }
  }
  size_t keep = 0;
  for (const Pattern& p : patterns_) keep = std::max(keep, p.matched);
  out_.assign(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return {out_, false};
}

std::string StopMatcher::flush() {
  for (Pattern& p : patterns_) p.matched = 0;
  return std::exchange(held_, {});
}

}  // namespace lemma
