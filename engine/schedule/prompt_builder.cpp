#include "engine/schedule/prompt_builder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/schedule/encode_prompt.h"
#include "engine/template/fallback_template.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma {

namespace {

// A prompt must leave room to think and answer, or the window would show an answer of three words.
int roomToAnswer(int context) { return std::min(context / 4, 1024); }

// The longest suffix of whole exchanges: system turns stay, then everything from the `skip`th other turn on.
std::vector<ChatTurn> withoutOldest(const std::vector<ChatTurn>& turns, int skip) {
  std::vector<ChatTurn> kept;
  for (const ChatTurn& t : turns) {
    if (t.role == "system" || skip <= 0) {
      kept.push_back(t);
    } else {
      --skip;
    }
  }
  return kept;
}

std::string textOf(const Tokenizer& tokenizer, std::optional<Token> t) {
  return t ? std::string(tokenizer.piece(*t)) : std::string();
}

const char* effortOf(const ThinkBudget& think) {
  if (think.kind == ThinkBudget::Kind::max) return "high";
  const int tokens = think.kind == ThinkBudget::Kind::off ? 0 : think.tokens;
  return tokens <= kThinkLow ? "low" : tokens <= kThinkMedium ? "medium" : "high";
}

bool endsWith(std::string_view text, std::string_view tag) {
  const size_t last = text.find_last_not_of(" \n\r\t");
  return last != std::string_view::npos && text.substr(0, last + 1).ends_with(tag);
}

}  // namespace

Result<std::unique_ptr<PromptBuilder>> PromptBuilder::make(const Model& model) {
  std::unique_ptr<PromptBuilder> b(new PromptBuilder(model));
  const Tokenizer* tokenizer = model.tokenizer();
  if (!tokenizer) return fail(Err::unsupported, "The model cannot chat: " + model.withoutTokenizer() + ".");
  const FallbackTemplate fallback = fallbackTemplate([&](std::string_view text) { return !!tokenizer->find(text); });
  b->builtin_ = fallback.source;
  std::string source = model.chatTemplateSource();
  if (!source.empty()) {
    if (const auto usable = b->use(source); !usable) {
      b->notice_ = "The model's chat template cannot be used (" + usable.error().what +
                   "); the model is spoken to in " + std::string(fallback.name) + " instead.";
      source.clear();
    }
  }
  if (source.empty()) LEMMA_CHECK(b->use(b->builtin_));
  b->marks_ = b->learnMarks();
  return b;
}

// Takes the template where it can put one question, alone or under a system message: the least that is asked of it.
Result<void> PromptBuilder::use(const std::string& source) {
  LEMMA_TRY(chat, ChatTemplate::compile(source));
  const ThinkFormat& format = thinkFormatOf(source);
  constexpr ThinkBudget kOff{.kind = ThinkBudget::Kind::off};
  const auto question = render(chat, format, {{"user", "Hello"}}, kOff);
  if (!question && !render(chat, format, {{"system", "Be brief."}, {"user", "Hello"}}, kOff)) {
    return tl::unexpected(question.error());
  }
  chat_ = std::make_unique<ChatTemplate>(std::move(chat));
  format_ = &format;
  return {};
}

Result<PromptText> PromptBuilder::render(const ChatTemplate& chat, const ThinkFormat& format,
                                         const std::vector<ChatTurn>& turns, const ThinkBudget& think) const {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  for (const ChatTurn& t : turns) messages.push_back({{"role", t.role}, {"content", t.content}});
  const Tokenizer& tokenizer = *model_.tokenizer();
  const bool thinks = think.kind != ThinkBudget::Kind::off;
  nlohmann::ordered_json variables = {{"messages", std::move(messages)},
                                      {"add_generation_prompt", true},
                                      {"bos_token", textOf(tokenizer, tokenizer.bos())},
                                      {"eos_token", textOf(tokenizer, tokenizer.eos())},
                                      {"enable_thinking", thinks},
                                      {"thinking", thinks}};
  if (format.takesEffort) variables["reasoning_effort"] = effortOf(think);
  if (tokenizer.pad()) variables["pad_token"] = textOf(tokenizer, tokenizer.pad());
  if (tokenizer.unknown()) variables["unk_token"] = textOf(tokenizer, tokenizer.unknown());
  return chat.prompt(variables);
}

TurnMarks PromptBuilder::learnMarks() const {
  const std::string user = "LEMMAUSERWORDS", assistant = "LEMMAASSISTANTWORDS", second = "LEMMASECONDWORDS";
  TurnMarks marks{.assistantToUser = "\n\n", .userToAssistant = "\n\n"};
  auto rendered = render(*chat_, *format_, {{"user", user}, {"assistant", assistant}, {"user", second}},
                         {.kind = ThinkBudget::Kind::off});
  if (!rendered) return marks;  // a template that refuses three plain turns still gets a readable join
  const std::string text = rendered->text();
  const size_t a = text.find(assistant), u = text.find(second);
  if (a == std::string::npos || u == std::string::npos || u < a) return marks;
  marks.assistantToUser = text.substr(a + assistant.size(), u - a - assistant.size());
  marks.userToAssistant = text.substr(u + second.size());
  return marks;
}

Result<BuiltPrompt> PromptBuilder::build(const ChatRequest& request, int context) const {
  const Tokenizer& tokenizer = *model_.tokenizer();
  if (request.turns.empty()) return fail(Err::badValue, "There is nothing to answer: the conversation is empty.");
  BuiltPrompt out;
  out.format = format_;
  const int room = roomToAnswer(context);

  if (request.raw) {
    if (tokenizer.addBos() && tokenizer.bos()) out.tokens.push_back(*tokenizer.bos());
    const auto ids = tokenizer.encode(request.turns.front().content, false);
    out.tokens.insert(out.tokens.end(), ids.begin(), ids.end());
    if (out.tokens.empty()) return fail(Err::badValue, "There is nothing to continue: the text is empty.");
    if (int(out.tokens.size()) + 1 > context)
      return fail(Err::contextFull, "The text takes " + std::to_string(out.tokens.size()) +
                                        " tokens, more than the context of " + std::to_string(context) + ".");
    return out;
  }

  std::unique_ptr<ChatTemplate> own;
  const ChatTemplate* chat = chat_.get();
  const std::string& instead = request.builtinTemplate ? builtin_ : request.templateOverride;
  if (!instead.empty()) {
    LEMMA_TRY(compiled, ChatTemplate::compile(instead));
    own = std::make_unique<ChatTemplate>(std::move(compiled));
    chat = own.get();
    out.format = &thinkFormatOf(instead);
  }

  // What stays must open with a question: an answer without its question confuses model and template alike.
  std::vector<int> skips{0};
  int others = 0;
  for (const ChatTurn& t : request.turns) {
    if (t.role == "system") continue;
    if (others > 0 && t.role == "user") skips.push_back(others);
    ++others;
  }
  const bool continues = !request.continueThink.empty() || !request.continueAnswer.empty();
  const int needed = continues ? 1 : room;
  auto attempt = [&](int skip) { return assemble(*chat, request, withoutOldest(request.turns, skip), out, skip); };

  LEMMA_TRY(whole, attempt(0));
  if (int(whole.tokens.size()) + needed <= context) return whole;
  // Fewer turns take fewer tokens: the smallest number left out that fits is found by halving.
  size_t lo = 1, hi = skips.size();
  std::optional<BuiltPrompt> best;
  while (lo < hi) {
    const size_t mid = (lo + hi) / 2;
    LEMMA_TRY(tried, attempt(skips[mid]));
    if (int(tried.tokens.size()) + needed <= context) {
      best = std::move(tried);
      hi = mid;
    } else {
      lo = mid + 1;
    }
  }
  if (best) return std::move(*best);
  LEMMA_TRY(last, attempt(skips.back()));
  if (int(last.tokens.size()) + room / 4 < context)
    return last;  // a long question: a shorter answer is better than none
  return fail(Err::contextFull, "This question takes " + std::to_string(last.tokens.size()) +
                                    " tokens and leaves no room for an answer in a context of " +
                                    std::to_string(context) + "; shorten it or choose a larger context.");
}

Result<BuiltPrompt> PromptBuilder::assemble(const ChatTemplate& chat, const ChatRequest& request,
                                            const std::vector<ChatTurn>& turns, BuiltPrompt out, int leftOut) const {
  LEMMA_TRY(text, render(chat, *out.format, turns, request.think));
  if (text.openedBy) out.format = text.openedBy;
  // Some templates put the empty thought themselves where they are told not to think.
  const bool emptied = request.think.kind == ThinkBudget::Kind::off && endsWith(text.text(), out.format->close);
  out.scaffold =
      makeScaffold(model_.info().thinksByItself && !emptied, text.opensThink, request.think, *out.format, marks_);
  out.inThink = out.scaffold.startsInThink;
  out.turnsLeftOut = leftOut;
  auto append = [&](std::string s, bool fromUser) {
    if (!s.empty()) text.parts.push_back({std::move(s), fromUser});
  };
  std::string prefill = out.scaffold.prefill;
  if (request.continueThink.empty() && request.continueAnswer.empty()) {
    append(std::move(prefill), false);
  } else {
    // The answer goes on from its own words: what the model wrote is text, never special tokens.
    if (out.inThink && request.continueThink.starts_with(out.scaffold.shownPrefix))
      prefill.resize(prefill.size() - out.scaffold.shownPrefix.size());
    append(std::move(prefill), false);
    if (out.inThink) {
      append(request.continueThink, true);
      if (!request.continueAnswer.empty()) {
        append(out.scaffold.close, false);
        out.inThink = false;
      }
    }
    if (!out.inThink) append(request.continueAnswer, true);
    out.resumed = out.inThink ? request.continueThink : request.continueAnswer;
    out.scaffold.shownPrefix.clear();
  }
  out.tokens = encodePrompt(*model_.tokenizer(), text);
  return out;
}

std::vector<Token> PromptBuilder::closeThought(const BuiltPrompt& prompt) const {
  return model_.tokenizer()->encode(prompt.scaffold.close, true);
}

}  // namespace lemma
