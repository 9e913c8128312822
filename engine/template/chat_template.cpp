#include "engine/template/chat_template.h"

#include <algorithm>
#include <exception>
#include <new>

#include "engine/template/failure.h"
#include "engine/template/interpreter.h"
#include "engine/template/parser.h"

namespace lemma {
namespace {
using jinja::Value;
using Json = nlohmann::ordered_json;

// A role like "user" is a word of the protocol; anything else in its place is not trusted.
bool isPlainWord(const std::string& s) {
  return !s.empty() && s.size() <= 32 && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Value toValue(const Json& j, bool fromUser, int depth) {
  if (depth > jinja::kMaxValueDepth) jinja::exceeded("the input is nested too deeply");
  switch (j.type()) {
    case Json::value_t::boolean:
      return Value::boolean(j.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(j.get<int64_t>());
    case Json::value_t::number_unsigned:
      if (j.get<uint64_t>() > uint64_t(INT64_MAX)) jinja::refuse("a number of the input does not fit 64 bits");
      return Value::integer(j.get<int64_t>());
    case Json::value_t::number_float:
      return Value::real(j.get<double>());
    case Json::value_t::string:
      return Value::string(jinja::Text(j.get_ref<const std::string&>(), fromUser));
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(j.size());
      for (const Json& x : j) items.push_back(toValue(x, true, depth + 1));
      return Value::list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> items;
      items.reserve(j.size());
      for (const auto& [key, x] : j.items()) {
        const bool role = key == "role" && x.is_string() && isPlainWord(x.get_ref<const std::string&>());
        items.emplace_back(Value::string(jinja::Text(key, true)), toValue(x, !role, depth + 1));
      }
      return Value::dict(std::move(items));
    }
    default:
      return Value();
  }
}

tl::unexpected<Error> failure(const jinja::Failure& f, int line) {
  constexpr size_t kLongest = 300;
  std::string what = f.what;
  if (what.size() > kLongest) {
    size_t end = kLongest;
    while (end > 0 && (uint8_t(what[end]) & 0xC0) == 0x80) --end;  // at a whole code point
    what = what.substr(0, end) + "...";
  }
  return fail(f.code, "chat template, line " + std::to_string(f.line > 0 ? f.line : line) + ": " + what);
}
}  // namespace

struct ChatTemplate::Impl {
  jinja::Template tree;

  Result<jinja::Text> run(const Json& variables, std::optional<ClockTime> now) const {
    if (!variables.is_object()) return fail(Err::badValue, "the input of a chat template must be an object");
    std::unique_ptr<jinja::Interpreter> interpreter;
    try {
      std::vector<std::pair<std::string, Value>> values;
      for (const auto& [key, x] : variables.items()) values.emplace_back(key, toValue(x, false, 1));
      interpreter = std::make_unique<jinja::Interpreter>(tree, std::move(values), now ? *now : jinja::systemTime());
      return interpreter->render();
    } catch (const jinja::Failure& f) {
      return failure(f, interpreter ? interpreter->line() : 1);
    } catch (const std::bad_alloc&) {
      return fail(Err::outOfMemory, "the chat template needs more memory than there is");
    } catch (const std::exception& e) {
      return fail(Err::internal, std::string("the chat template failed: ") + e.what());
    }
  }
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::compile(const std::string& source) {
  try {
    auto impl = std::make_unique<Impl>();
    impl->tree = jinja::parse(source);
    return ChatTemplate(std::move(impl));
  } catch (const jinja::Failure& f) {
    return failure(f, 1);
  } catch (const std::bad_alloc&) {
    return fail(Err::outOfMemory, "the chat template needs more memory than there is");
  } catch (const std::exception& e) {
    return fail(Err::internal, std::string("the chat template failed: ") + e.what());
  }
}

Result<std::string> ChatTemplate::render(const Json& variables, std::optional<ClockTime> now) const {
  LEMMA_TRY(text, impl_->run(variables, now));
  return std::string(text.bytes());
}

Result<PromptText> ChatTemplate::prompt(const Json& variables, std::optional<ClockTime> now) const {
  LEMMA_TRY(text, impl_->run(variables, now));
  PromptText out;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin + 1;
    while (end < text.size() && text.fromUser(end) == text.fromUser(begin)) ++end;
    out.parts.push_back({std::string(text.bytes().substr(begin, end - begin)), text.fromUser(begin)});
    begin = end;
  }
  if (!out.parts.empty() && !out.parts.back().fromUser) out.openedBy = openThought(out.parts.back().text);
  out.opensThink = out.openedBy != nullptr;
  return out;
}

std::string PromptText::text() const {
  std::string all;
  for (const Part& p : parts) all += p.text;
  return all;
}

}  // namespace lemma
