// Operations on strings that both filters and string methods offer. They keep the marks of their input.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "engine/template/failure.h"
#include "engine/template/marked_text.h"

namespace lemma::jinja {

// Joins many pieces; stops before they take more than the budget gives.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : budget_(budget) {}
  void add(const Text& piece) {
    if (text_.size() + piece.size() > kMaxText) exceeded("a text grows beyond 16 MiB");
    budget_.spendBytes(piece.size());
    budget_.spend(1);
    text_.append(piece);
    any_ = true;
  }
  void add(std::string_view bytes) { add(Text(bytes)); }
  bool any() const { return any_; }  // something was added, be it empty
  Text take() { return std::move(text_); }

 private:
  Budget& budget_;
  Text text_;
  bool any_ = false;
};

enum class Side : uint8_t { left = 1, right = 2, both = 3 };
// Null: white space; else any of these characters.
Text stripped(const Text& t, const Text* characters, Side side);
// Python's replace; a negative count replaces all.
Text replaced(const Text& t, const Text& from, const Text& to, int64_t count, Budget& budget);
// Python's split: null separator splits at runs of white space. A negative limit has no effect.
std::vector<Text> split(const Text& t, const Text* separator, int64_t limit, bool fromRight, Budget& budget);
std::vector<Text> lines(const Text& t, bool keepEnds, Budget& budget);

enum class Case : uint8_t { upper, lower, swap, capital, title };
Text withCase(const Text& t, Case how, Budget& budget);
// A word begins at any character of the string before which one of these stands (Jinja's title filter), not letters
// only.
Text titleOfWords(const Text& t, Budget& budget);

}  // namespace lemma::jinja
