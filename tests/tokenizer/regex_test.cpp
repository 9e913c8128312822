// Expressions of pre-tokenizers, one by one: what they match, and the sentence by which the others are refused. What is
// expected is Oniguruma's, read from its manual.
#include "engine/tokenizer/regex.h"

#include <gtest/gtest.h>

#include <string>

namespace lemma {
namespace {

// Every match in turn in brackets, all else as it is.
std::string marked(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  if (!regex) return "refused: " + regex.error().what;
  RegexSearch search(*regex);
  search.setText(text);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = search.matchAt(at);
    if (end == RegexSearch::kNone || end == at) {
      out += text[at++];
    } else {
      out += "[" + std::string(text.substr(at, end - at)) + "]";
      at = end;
    }
  }
  return out;
}

TEST(Regex, matchesAsItIsWritten) {
  const struct {
    const char *pattern, *text, *want;
  } cases[] = {
      {"a|bc|", "abcb", "[a][bc]b"},
      {"a{2}", "aaaaa", "[aa][aa]a"},
      {"a{2,}", "aaaaab", "[aaaaa]b"},
      {"a{,2}b", "aaab", "a[aab]"},
      {"a{1,2}", "aaa", "[aa][a]"},
      {"a{1,2}?", "aaa", "[a][a][a]"},
      {"a{", "a{a", "[a{]a"},
      {"a{b}", "a{b}", "[a{b}]"},
      {"a{,}", "a{,}", "[a{,}]"},
      {"a{1", "a{1", "[a{1]"},
      {"a*?b", "aab", "[aab]"},
      {"a+?", "aa", "[a][a]"},
      {"a??b", "ab", "[ab]"},
      {"a?+a", "aab", "[aa]b"},
      {"a?+b", "abb", "[ab][b]"},
      {"a*+a", "aaa", "aaa"},
      {"a++b", "aab", "[aab]"},
      {"(?:ab)*c", "ababc", "[ababc]"},
      {"(?:a|b){2}", "abba", "[ab][ba]"},
      {"(a)(b)", "ab", "[ab]"},
      {"(?i)a", "aA", "[a][A]"},
      {"(?i:a)a", "AaAA", "[Aa]AA"},
      {"(?i)[k-l]", "KL\u212a", "[K][L][\u212a]"},
      {"(?i)S", "s\u017f", "[s][\u017f]"},
      {"a(?=b)", "abac", "[a]bac"},
      {"a(?!b)", "abac", "ab[a]c"},
      {"(?<=b)a", "aba", "ab[a]"},
      {"(?<!b)a", "aba", "[a]ba"},
      {"^a", "aa\na", "[a]a\n[a]"},
      {"a$", "aa\na", "a[a]\n[a]"},
      {"\\Aa", "aa\na", "[a]a\na"},
      {"a\\z", "aa\na", "aa\n[a]"},
      {"\\ba", "aa a", "[a]a [a]"},
      {"\\Ba", "aa a", "a[a] a"},
      {".", "a\nb", "[a]\n[b]"},
      {"\\n|\\r|\\t|\\f|\\v|\\a|\\e", "\n\r\t\f\v\a\x1b", "[\n][\r][\t][\f][\v][\a][\x1b]"},
      {"\\x41\\x{e9}\\u00E9", "A\u00e9\u00e9", "[A\u00e9\u00e9]"},
      {"\\x{1F600}", "\U0001f600", "[\U0001f600]"},
      {"\\s+", "a \t\u2028b", "a[ \t\u2028]b"},
      {"\\S+", "a \tb", "[a] \t[b]"},
      {"\\d\\D", "1a", "[1a]"},
      {"\\w\\W", "_-", "[_-]"},
      {"\\.\\-\\{", ".-{", "[.-{]"},
      {"\\pL\\PL", "a1", "[a1]"},
      {"\\p{Lu}\\p{^Lu}\\P{Lu}\\P{^Lu}", "AabA", "[AabA]"},
      {"\\p{Letter}\\p{Digit}\\p{Punct}", "a1!", "[a1!]"},
      {"\\p{Han}|\\p{Script=Han}x|\\p{sc=Han}y", "\u4f60", "[\u4f60]"},
      {"\\p{sc=Han}\\p{Script=Han}", "\u4f60\u597d", "[\u4f60\u597d]"},
      {"\\p{White_Space}\\p{Space}", " \t", "[ \t]"},
      {"[abc]+", "abcd", "[abc]d"},
      {"[^abc]+", "abcde", "abc[de]"},
      {"[]a]+", "a]b", "[a]]b"},
      {"[a-]+", "a-b", "[a-]b"},
      {"[-a]+", "a-b", "[a-]b"},
      {"[a-c-e]+", "ab-ed", "[ab-e]d"},
      {"[\\]\\b\\d]+", "]\b1a", "[]\b1]a"},
      {"[\\x41-\\x43]+", "ABCD", "[ABC]D"},
      {"[a-z&&[^aeiou]]+", "abcde", "a[bcd]e"},
      {"[a[b-c]]+", "abcd", "[abc]d"},
      {"[[a-c]&&b]", "abc", "a[b]c"},
      {"[\u00e9-\u00eb]+", "\u00e9\u00eb\u00ec", "[\u00e9\u00eb]\u00ec"},
      {"a**", "aa", "refused: the regular expression \"a**\" is not supported: a loop around what may be empty"},
      {"(?:a?){2}b", "aab", "[aab]"},
      {"(?:a|)?b", "ab", "[ab]"},
      {"(?=a)?b", "ab", "a[b]"},
  };
  for (const auto& c : cases) EXPECT_EQ(marked(c.pattern, c.text), c.want) << c.pattern;
}

TEST(Regex, isRefusedByASentence) {
  const std::string nestedGroups = std::string(100, '(') + "a" + std::string(100, ')');
  const std::string nestedClasses = std::string(100, '[') + "a" + std::string(100, ']');
  std::string alternatives = "a";
  for (int i = 0; i < 3000; ++i) alternatives += "|a";
  const struct {
    std::string pattern;
    Err code;
    const char* says;
  } cases[] = {
      {"a)", Err::badValue, "a bracket closes nothing"},
      {"(a", Err::badValue, "a group is not closed"},
      {"*a", Err::badValue, "a repeat of nothing"},
      {"+", Err::badValue, "a repeat of nothing"},
      {"a|?", Err::badValue, "a repeat of nothing"},
      {"a\\", Err::badValue, "it ends in a backslash"},
      {"a{3,2}", Err::badValue, "a repeat counts backwards"},
      {"a{1001}", Err::tooLarge, "a repeat counts beyond 1000"},
      {"a{0,99999999999999}", Err::tooLarge, "a repeat counts beyond 1000"},
      {"a{1}{1}{1}{1}{1}{1}", Err::tooLarge, "repeats of repeats lie too deep"},
      {"(?:ab)*+", Err::unsupported, "a possessive repeat of more than one character"},
      {"(?:a?)*", Err::unsupported, "a loop around what may be empty"},
      {"(?:a|b*)+", Err::unsupported, "a loop around what may be empty"},
      {"(?:a?b?)+", Err::unsupported, "a loop around what may be empty"},
      {"(?:\\b)*", Err::unsupported, "a loop around what may be empty"},
      {"(?:(?:a?){2})*", Err::unsupported, "a loop around what may be empty"},
      {"(?<=ab)c", Err::unsupported, "a look behind at more than one character"},
      {"(?<!a*)c", Err::unsupported, "a look behind at more than one character"},
      {"(?<name>a)", Err::unsupported, "a group of a kind that is not known"},
      {"(?>a)", Err::unsupported, "a group of a kind that is not known"},
      {"\\k", Err::unsupported, "\\k"},
      {"\\Q", Err::unsupported, "\\Q"},
      {"\\1", Err::unsupported, "\\1"},
      {"\\x", Err::badValue, "a character's number is broken"},
      {"\\xg", Err::badValue, "a character's number is broken"},
      {"\\x{}", Err::badValue, "a character's number is broken"},
      {"\\x{41", Err::badValue, "a character's number is broken"},
      {"\\x{110000}", Err::badValue, "a character's number is broken"},
      {"\\u@", Err::badValue, "a character's number is broken"},
      {"\\p{Lu", Err::badValue, "a property is not closed"},
      {"\\p{Greek}", Err::unsupported, "the property \"Greek\""},
      {"\\p", Err::unsupported, "the property \"\""},
      {"\\pQ", Err::unsupported, "the property \"Q\""},
      {"[a", Err::badValue, "a class is not closed"},
      {"[", Err::badValue, "a class is not closed"},
      {"[a-", Err::badValue, "a class is not closed"},
      {"[a\\", Err::badValue, "a class is not closed"},
      {"[a-\\", Err::badValue, "a class is not closed"},
      {"[b-a]", Err::badValue, "a range runs backwards"},
      {"[a-\\d]", Err::badValue, "a range runs backwards"},
      {"[[:alpha:]]", Err::unsupported, "a class by its POSIX name"},
      {std::string(16385, 'a'), Err::tooLarge, "more than 16384 bytes"},
      {nestedGroups, Err::tooLarge, "its groups lie too deep"},
      {nestedClasses, Err::tooLarge, "its classes lie too deep"},
      {"(?:a{1000}){100}", Err::tooLarge, "it is too large"},
      {std::string(5000, 'a'), Err::tooLarge, "it is too large"},
      {alternatives, Err::tooLarge, "it is too large"},
  };
  for (const auto& c : cases) {
    const auto regex = Regex::compile(c.pattern);
    if (regex) {
      ADD_FAILURE() << c.pattern.substr(0, 60) << " was accepted";
      continue;
    }
    EXPECT_EQ(regex.error().code, c.code) << regex.error().what;
    EXPECT_NE(regex.error().what.find(c.says), std::string::npos)
        << c.pattern.substr(0, 60) << ": " << regex.error().what.substr(0, 300);
  }
}

}  // namespace
}  // namespace lemma
