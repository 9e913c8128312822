// Chat templates.
#include "engine/template/chat_template.h"
#include "tests/hostile/rows.h"

namespace lemma::test {
namespace {

Row row(std::string name, std::string says, std::string source) {
  return {std::move(name), std::move(says), [source = std::move(source)]() -> Result<void> {
            const auto t = ChatTemplate::compile(source);
            if (!t) return tl::unexpected(t.error());
            const auto text = t->render({{"messages", {{{"role", "user"}, {"content", "hi"}}}}});
            if (!text) return tl::unexpected(text.error());
            return {};
          }};
}

std::string times(const std::string& s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

}  // namespace

std::vector<Row> templateRows() {
  return {
      row("right", "", "{% for m in messages %}{{ m.role }}{% endfor %}"),
      row("CVE-2024-34359: subclasses of a text", "line 1", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
      row("CVE-2026-5760: globals of a function", "line 1", "{{ cycler.__init__.__globals__.os.popen('id') }}"),
      row("CVE-2026-5760: a module", "line 1", "{% import 'os' as os %}{{ os.popen('id') }}"),
      row("CVE-2024-56326: attributes through a format", "line 1", "{{ '{0.__class__}'.format(1) }}"),
      row("CVE-2024-56326: a format kept in a variable", "line 1",
          "{% set f = '{0.__class__}'.format %}{{ f(messages) }}"),
      row("minja 92: a division by zero", "line 1", "{{ 1 / 0 }}"),
      row("minja 92: a whole division by zero", "line 1", "{{ 1 // 0 }}"),
      row("minja 92: a remainder by zero", "line 1", "{{ 1 % 0 }}"),
      row("minja 92: the least number by -1", "line 1", "{{ (-9223372036854775807 - 1) // -1 }}"),
      row("minja 92: brackets 10,000 deep", "line 1", "{{ " + times("(", 10'000) + "1" + times(")", 10'000) + " }}"),
      row("llama.cpp 19085: conditions 10,000 deep", "line 1", times("{% if 1 %}", 10'000)),
      row("llama.cpp 19085: a macro that calls itself", "line 1", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
      row("haystack 9402: two ranges of 25,000", "steps",
          "{% for a in range(25000) %}{% for b in range(25000) %}{% endfor %}{% endfor %}"),
      row("a text a billion times", "line 1", "{{ 'x' * 1000000000 }}"),
      row("a join by long texts", "line 1", "{{ range(100000) | join('x' * 100000) }}"),
      row("a file", "line 1", "{% include '/etc/passwd' %}"),
  };
}

}  // namespace lemma::test
