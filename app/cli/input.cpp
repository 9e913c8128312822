#include "app/cli/input.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

namespace lemma::cli {
namespace {

Result<std::string> readAll(std::FILE* file, const std::string& name, uint64_t maxBytes) {
  std::string text;
  std::array<char, 65536> buffer;
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), file)) {
    if (text.size() + n > maxBytes) {
      return fail(Err::tooLarge, name + " is larger than the " + std::to_string(maxBytes) + " bytes that are read.");
    }
    text.append(buffer.data(), n);
  }
  if (std::ferror(file)) return fail(Err::unreadable, "Cannot read " + name + ": " + std::strerror(errno) + ".");
  return text;
}

// Brackets outside strings, so that no depth of nesting ever reaches the parser.
bool deeperThan(std::string_view text, int limit) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      if (c == '"') inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<std::string> readFile(const std::string& path, uint64_t maxBytes) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) {
    const Err code = errno == ENOENT || errno == ENOTDIR ? Err::notFound : Err::unreadable;
    return fail(code, "Cannot open " + path + ": " + std::strerror(errno) + ".");
  }
  struct stat status {};
  if (fstat(fileno(file.get()), &status) == 0 && S_ISDIR(status.st_mode)) {
    return fail(Err::unreadable, path + " is a folder, not a file.");
  }
  return readAll(file.get(), path, maxBytes);
}

Result<std::string> readStdin(uint64_t maxBytes) { return readAll(stdin, "stdin", maxBytes); }

Result<Json> parseJson(std::string_view text, const std::string& origin) {
  if (text.size() > kMaxJsonBytes) {
    return fail(Err::tooLarge, origin + ": JSON of more than " + std::to_string(kMaxJsonBytes) + " bytes is refused.");
  }
  if (deeperThan(text, kMaxJsonDepth)) {
    return fail(Err::tooLarge, origin + ": JSON nested deeper than " + std::to_string(kMaxJsonDepth) + " is refused.");
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    return fail(Err::badValue, origin + " is not valid JSON near byte " + std::to_string(e.byte) + ".");
  } catch (const Json::exception&) {  // a number beyond what a double holds
    return fail(Err::badValue, origin + " holds a number that is out of range.");
  }
}

Result<std::vector<Token>> tokenIds(const Json& array, int vocabulary, const std::string& origin) {
  if (!array.is_array()) return fail(Err::badValue, origin + " is not a JSON array of token ids.");
  std::vector<Token> ids;
  ids.reserve(array.size());
  for (const Json& item : array) {
    if (!item.is_number_integer()) {
      return fail(Err::badValue, origin + ": entry " + std::to_string(ids.size()) + " is not a token id.");
    }
    // A number_unsigned beyond int64 would wrap when read as one.
    const bool fits = item.is_number_unsigned() ? item.get<uint64_t>() < uint64_t(vocabulary)
                                                : item.get<int64_t>() >= 0 && item.get<int64_t>() < vocabulary;
    if (!fits) {
      return fail(Err::badValue, origin + ": entry " + std::to_string(ids.size()) + " is outside the vocabulary of " +
                                     std::to_string(vocabulary) + ".");
    }
    ids.push_back(Token(item.get<int32_t>()));
  }
  return ids;
}

Result<std::vector<Token>> parseTokenIds(std::string_view text, int vocabulary, const std::string& origin) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::vector<Token>{};
  if (text[first] == '[') {
    LEMMA_TRY(array, parseJson(text, origin));
    return tokenIds(array, vocabulary, origin);
  }
  std::string wrapped = "[";
  wrapped.append(text).append("]");
  LEMMA_TRY(array, parseJson(wrapped, origin));
  return tokenIds(array, vocabulary, origin);
}

std::optional<int64_t> parseInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

Result<void> eachStdinLine(const std::function<Result<void>(std::string_view, int)>& line) {
  std::string pending;
  std::array<char, 65536> buffer;
  int number = 0;
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
    std::string_view rest(buffer.data(), n);
    for (size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
      pending.append(rest.substr(0, end));
      LEMMA_CHECK(line(pending, ++number));
      pending.clear();
    }
    pending.append(rest);
    if (pending.size() > kMaxTextBytes) {
      return fail(Err::tooLarge, "stdin, line " + std::to_string(number + 1) + " is too long.");
    }
  }
  if (std::ferror(stdin)) return fail(Err::unreadable, std::string("Cannot read stdin: ") + std::strerror(errno) + ".");
  if (!pending.empty()) LEMMA_CHECK(line(pending, ++number));
  return {};
}

}  // namespace lemma::cli
