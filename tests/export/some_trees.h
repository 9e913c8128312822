// Conversations of every shape, drawn from a seed.
#pragma once

#include <random>
#include <string>

#include "storage/export/branch_order.h"
#include "storage/snapshot.h"
#include "storage/types.h"

namespace lemma::storage {

class SomeTrees {
 public:
  explicit SomeTrees(uint32_t seed) : random_(seed), ids_([this] { return now_++; }) {}

  size_t below(size_t n) { return size_t(random_()) % n; }
  bool once(size_t in) { return below(in) == 0; }

  std::string words() {
    static const std::string kPieces[] = {"word ", "\n",         "```\n",  "~~~~\n",     "\t",
                                          "\"",    "\\",         "\u00e9", "\U0001f9e0", std::string(1, '\0'),
                                          "<b>",   "</details>", "\x7f",   "\u2028",     "{\"a\":1}",
                                          "# x\n"};
    std::string out;
    for (size_t n = below(12); n > 0; --n) out += kPieces[below(std::size(kPieces))];
    return out;
  }
  template <class T>
  std::optional<T> maybe(T value) {
    return once(2) ? std::optional<T>(value) : std::nullopt;
  }
  std::string details() {
    static constexpr const char* kDetails[] = {
        "",
        R"({"name":"a.txt","n":[1,2.5,-3,true,null]})",
        R"({ "spaced" : 1 })",
        R"({"a":1,"a":2})",
        "[]",
        "7",
        "\"x\"",
        R"([1e3])",
        R"({"deep":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]})"};
    return kDetails[below(std::size(kDetails))];
  }
  Millis time() { return Millis(below(1u << 31)) * 900; }

  Part part() {
    return {.kind = PartKind(below(6)),
            .mime = once(2) ? "text/plain" : "text/markdown",
            .text = words(),
            .json = details(),
            .tokens = maybe<int64_t>(int64_t(below(5000))),
            .startedAt = maybe(time()),
            .endedAt = maybe(time())};
  }
  AnswerStats stats() {
    AnswerStats s;
    s.promptTokens = maybe<int64_t>(int64_t(below(9000)));
    s.cachedTokens = maybe<int64_t>(0);
    s.thinkTokens = maybe<int64_t>(int64_t(below(9000)));
    s.answerTokens = maybe<int64_t>(int64_t(1) << 53);
    s.contextUsed = maybe<int64_t>(17);
    s.contextSize = maybe<int64_t>(8192);
    s.turnsLeftOut = maybe<int64_t>(3);
    s.seed = maybe<uint64_t>(uint64_t(random_()) << 32 | random_());
    s.ttftMs = maybe(double(random_()) / 7);
    s.thinkMs = maybe(1.0 / 3);
    s.totalMs = maybe(1e15);
    s.promptTps = maybe(0.1);
    s.genTps = maybe(double(random_()) / 1e7);
    return s;
  }
  AnswerSnapshot snapshot() {
    AnswerSnapshot s;
    s.modelId = "0123456789abcdef";
    s.modelName = words();
    s.architecture = "llama";
    s.settings = {{"temperature", 0.6}, {"top_k", int64_t{40}}, {"think", std::string("medium")}};
    return s;
  }

  ConversationTree tree() {
    ConversationTree out;
    Conversation& c = out.conversation;
    c.id = ids_.conversation();
    c.title = words();
    c.titleByPerson = once(2);
    c.createdAt = time();
    c.updatedAt = time();
    for (size_t n = below(9); n > 0; --n) {
      Message m;
      m.id = ids_.message();
      m.conversation = c.id;
      if (!out.messages.empty() && !once(4)) m.parent = out.messages[below(out.messages.size())].id;
      m.role = Role(below(4));
      m.state = MessageState(1 + below(4));
      m.createdAt = time();
      m.finishedAt = maybe(time());
      m.stopReason = once(2) ? "end" : "";
      m.stats = stats();
      m.snapshot = once(2) ? toJson(snapshot()) : details();
      for (size_t parts = below(4); parts > 0; --parts) m.parts.push_back(part());
      out.messages.push_back(std::move(m));
    }
    if (!out.messages.empty() && !once(5)) c.currentLeaf = out.messages[below(out.messages.size())].id;
    out.messages = inBranchOrder(std::move(out.messages));
    if (once(2)) out.settings["temperature"] = 1.0;
    if (once(2)) out.settings["think"] = std::string("high");
    if (once(2)) out.settings["seed"] = int64_t{-1};
    if (once(2)) out.settings["system"] = words();
    return out;
  }

 private:
  std::mt19937 random_;
  Millis now_ = 1'800'000'000'000;
  IdGenerator ids_;
};

}  // namespace lemma::storage
