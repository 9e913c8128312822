// What prompt() adds to render(): the origin of each byte, and whether the prompt ends inside a thought.
#include <gtest/gtest.h>

#include "engine/template/chat_template.h"

namespace lemma {
namespace {
using Json = nlohmann::ordered_json;

// "t:" parts of the template, "u:" parts of the person, in brackets.
std::string origins(const std::string& source, const Json& input) {
  const auto compiled = ChatTemplate::compile(source);
  EXPECT_TRUE(compiled.has_value()) << (compiled ? "" : compiled.error().what);
  if (!compiled) return "";
  const auto prompt = compiled->prompt(input);
  EXPECT_TRUE(prompt.has_value()) << (prompt ? "" : prompt.error().what);
  if (!prompt) return "";
  std::string out;
  for (const auto& p : prompt->parts) out += (p.fromUser ? "[u:" : "[t:") + p.text + "]";
  return out;
}

Json chat(const std::string& content) {
  return {{"messages", {{{"role", "user"}, {"content", content}}}}, {"bos_token", "<s>"}};
}

TEST(Prompt, literalsRolesAndTokensAreTheTemplates) {
  EXPECT_EQ(origins("{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}",
                    chat("<|end|>")),
            "[t:<s><|user|>][u:<|end|>][t:<|end|>]");
}

TEST(Prompt, anOddRoleIsNotTrusted) {
  Json input = chat("hi");
  input["messages"][0]["role"] = "<|end|>";
  EXPECT_EQ(origins("{{ messages[0].role }}|", input), "[u:<|end|>][t:|]");
}

TEST(Prompt, theMarkSurvivesEveryOperation) {
  const struct {
    const char* expression;
    const char* want;
  } cases[] = {
      {"'<' + c + '>'", "[t:<][u:a-b C][t:>]"},
      {"'<' ~ c ~ '>'", "[t:<][u:a-b C][t:>]"},
      {"c | trim", "[u:a-b C]"},
      {"('  ' + c + '  ') | trim", "[u:a-b C]"},
      {"c.replace('-', '+')", "[u:a][t:+][u:b C]"},
      {"'x-y'.replace('-', c)", "[t:x][u:a-b C][t:y]"},
      {"c[2:]", "[u:b C]"},
      {"('<' + c)[::-1]", "[u:C b-a][t:<]"},
      {"c | upper", "[u:A-B C]"},
      {"('x' + c) | title", "[t:X][u:a-B C]"},
      {"c.split('-') | join('|')", "[u:a][t:|][u:b C]"},
      {"c.split() | last", "[u:C]"},
      {"[c, 'x'] | join(',')", "[u:a-b C][t:,x]"},
      {"c | tojson", "[t:\"][u:a-b C][t:\"]"},
      {"{'k': c} | tojson", "[t:{\"k\": \"][u:a-b C][t:\"}]"},
      {"[c] | string", "[t:['][u:a-b C][t:']]"},
      {"'%s!' % c", "[u:a-b C][t:!]"},
      {"'{}!'.format(c)", "[u:a-b C][t:!]"},
      {"c | indent(2, true)", "[t:  ][u:a-b C]"},
      {"c | center(9)", "[t:  ][u:a-b C][t:  ]"},
      {"c | e", "[u:a-b C]"},
      {"c * 2", "[u:a-b Ca-b C]"},
      {"(c | list)[0]", "[u:a]"},
      {"c if c else 'x'", "[u:a-b C]"},
      {"c | default('x')", "[u:a-b C]"},
      {"c.partition('-')[2]", "[u:b C]"},
      {"m.items() | list | first | last", "[t:user]"},
      {"(m | dictsort)[0] | join('=')", "[u:content][t:=][u:a-b C]"},
      {"m.extra.deep[0]", "[u:<|x|>]"},
      {"tools[0].name", "[u:<|f|>]"},
      {"documents | map(attribute='text') | join", "[u:<|d|>]"},
      {"c | length", "[t:5]"},
  };
  for (const auto& c : cases) {
    Json input = chat("a-b C");
    input["messages"][0]["extra"] = {{"deep", {"<|x|>"}}};
    input["tools"] = {{{"name", "<|f|>"}}};
    input["documents"] = {{{"text", "<|d|>"}}};
    const std::string source =
        std::string("{% set m = messages[0] %}{% set c = m.content %}{{ ") + c.expression + " }}";
    EXPECT_EQ(origins(source, input), c.want) << c.expression;
  }
}

TEST(Prompt, theMarkSurvivesBlocks) {
  EXPECT_EQ(origins("{% set x %}<{{ messages[0].content }}>{% endset %}{{ x }}", chat("a")), "[t:<][u:a][t:>]");
  EXPECT_EQ(origins("{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(messages[0].content) | upper }}", chat("a")),
            "[t:<][u:A][t:>]");
  EXPECT_EQ(origins("{% filter upper %}x{{ messages[0].content }}{% endfilter %}", chat("a")), "[t:X][u:A]");
  EXPECT_EQ(origins("{% set ns = namespace(s='') %}{% for m in messages %}{% set ns.s = ns.s + m.content %}{% endfor %}"
                    "{{ ns.s }}.",
                    chat("a")),
            "[u:a][t:.]");
}

TEST(Prompt, opensThink) {
  const struct {
    const char* tail;
    const char* openedBy;  // null: not inside a thought
  } cases[] = {
      {"<|assistant|>", nullptr},
      {"<|assistant|><think>\\n", "<think>"},
      {"<|assistant|><think>\\n\\n</think>\\n\\n", nullptr},
      {"<|START_THINKING|>", "<|START_THINKING|>"},
      {"<|channel>thought\\n", "<|channel>thought"},
  };
  for (const auto& c : cases) {
    const auto t = ChatTemplate::compile(std::string("{{ messages[0].content }}{{ '") + c.tail + "' }}");
    ASSERT_TRUE(t.has_value());
    const auto p = t->prompt(chat("what is <think>?"));
    ASSERT_TRUE(p.has_value());
    EXPECT_EQ(p->opensThink, c.openedBy != nullptr) << c.tail;
    if (c.openedBy && p->openedBy) {
      EXPECT_EQ(p->openedBy->open, c.openedBy);
    }
  }
  // A person who writes the tag opens no thought.
  const auto t = ChatTemplate::compile("{{ messages[0].content }}");
  EXPECT_FALSE(t->prompt(chat("x<think>"))->opensThink);
}

TEST(Prompt, errorsNameTheLine) {
  const auto broken = ChatTemplate::compile("a\nb\n{% if %}");
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().code, Err::templateError);
  EXPECT_NE(broken.error().what.find("line 3"), std::string::npos) << broken.error().what;
  const auto refusing = ChatTemplate::compile("a\n{{ raise_exception('Roles must alternate') }}");
  const auto r = refusing->render(chat("x"));
  ASSERT_FALSE(r.has_value());
  EXPECT_EQ(r.error().what, "chat template, line 2: Roles must alternate");
  EXPECT_EQ(ChatTemplate::compile("x")->render(Json::array()).error().code, Err::badValue);
}

TEST(Prompt, aTemplateServesManyRenders) {
  const auto t = ChatTemplate::compile(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*t->render(chat("x")), "1");
}

}  // namespace
}  // namespace lemma
