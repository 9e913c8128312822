// Templates that mean harm: each ends in an error (or a small text) within the time limit and bounded memory.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "engine/template/chat_template.h"
#include "tests/support/process_meter.h"

namespace lemma {
namespace {
using Json = nlohmann::ordered_json;

std::string times(const std::string& s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

struct Case {
  const char* name;
  std::string source;
  bool mayRender = false;  // harmless when it ends in time
};

std::vector<Case> cases() {
  const int n = 50000;
  const std::string grow = "{% set ns = namespace(s='xxxxxxxx', l=[1], d={}) %}{% for i in range(100000) %}";
  return {
      {"open parens", "{{ " + times("(", n)},
      {"nested parens", "{{ " + times("(", n) + "1" + times(")", n) + " }}"},
      {"nested lists", "{{ " + times("[", n) + times("]", n) + " }}"},
      {"nested dicts", "{{ " + times("{1:", n) + "1" + times("}", n) + " }}"},
      {"nested indexes", "{{ " + times("a[", n) + "1" + times("]", n) + " }}"},
      {"nested calls", "{{ " + times("a(", n) + times(")", n) + " }}"},
      {"many nots", "{{ " + times("not ", n) + "1 }}"},
      {"many minus signs", "{{ " + times("- ", n) + "1 }}"},
      {"many plus signs", "{{ " + times("+ ", n) + "1 }}"},
      {"many else", "{{ " + times("1 if 0 else ", n) + "1 }}"},
      {"long sum", "{{ 1" + times("+1", n) + " }}"},
      {"long power", "{{ 1" + times("**1", n) + " }}"},
      {"long or", "{{ 0" + times(" or 0", n) + " }}"},
      {"long concatenation", "{{ 1" + times("~1", n) + " }}", true},
      {"long comparison", "{{ 1" + times("==1", n) + " }}", true},
      {"filter chain", "{{ 1" + times("|abs", n) + " }}"},
      {"attribute chain", "{{ a" + times(".a", n) + " }}"},
      {"test chain", "{{ 1" + times(" is odd", n) + " }}"},
      {"nested ifs", times("{% if 1 %}", n)},
      {"nested closed ifs", times("{% if 1 %}", 3000) + times("{% endif %}", 3000)},
      {"nested fors", times("{% for a in b %}", n)},
      {"nested macros", times("{% macro a() %}", n)},
      {"nested sets", times("{% set a %}", n)},
      {"nested calls of caller", times("{% call a() %}", n)},
      {"nested filters", times("{% filter upper %}", n)},
      {"nested targets", "{% for " + times("(", n) + "a" + times(")", n) + " in b %}{% endfor %}"},
      {"many elifs", "{% if 0 %}" + times("{% elif 0 %}", n) + "{% endif %}", true},
      {"recursive macro", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"},
      {"two macros", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"},
      {"exponential macro", "{% macro a(n) %}{% if n %}{{ a(n-1) }}{{ a(n-1) }}{% endif %}{% endmacro %}{{ a(50) }}"},
      {"macro in its default", "{% macro a(x=a()) %}{{ x }}{% endmacro %}{{ a() }}"},
      {"recursive caller",
       "{% macro a() %}{% call a() %}{{ caller() }}{% endcall %}{% endmacro %}{% call a() %}{% endcall %}"},
      {"recursive loop", "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}"},
      {"escaped macro",
       "{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}x{% endmacro %}{% set ns.m = m %}{% endfor %}{{ "
       "ns.m() }}"},
      {"escaped loop",
       "{% set ns = namespace() %}{% for i in [1] %}{% set ns.l = loop %}{% endfor %}{{ ns.l.index }}{{ ns.l.nextitem "
       "}}",
       true},
      {"nested ranges", "{% for a in range(25000) %}{% for b in range(25000) %}{% endfor %}{% endfor %}"},
      {"nested output",
       "{% for a in range(25000) %}{% for b in range(25000) %}xxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}"},
      {"long range", "{{ range(100001) | list }}"},
      {"huge range", "{{ range(9223372036854775807) }}"},
      {"range over the edge", "{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807) | list }}",
       true},
      {"range backwards", "{{ range(9223372036854775807, -9223372036854775807, -1) }}"},
      {"many ranges", "{% for a in range(100000) %}{% set x = range(100000) %}{% endfor %}"},
      {"long string", "{{ 'x' * 999999999 }}"},
      {"huge string", "{{ 'x' * 9223372036854775807 }}"},
      {"long list", "{{ [0] * 999999999 }}"},
      {"tower of strings", "{{ 'x' * 100000 * 100000 }}"},
      {"doubling string", grow + "{% set ns.s = ns.s + ns.s %}{% endfor %}"},
      {"growing string", grow + "{% set ns.s = ns.s + 'xxxxxxxxxxxxxxxx' %}{% endfor %}{{ ns.s }}"},
      {"doubling list", grow + "{% set ns.l = ns.l + ns.l %}{% endfor %}"},
      {"growing list", grow + "{% set ns.l = ns.l + [i] %}{% endfor %}"},
      {"list of itself", grow + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}"},
      {"list of itself twice", grow + "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}"},
      {"mapping of itself twice", grow + "{% set ns.d = {1: ns.d, 2: ns.d} %}{% endfor %}{{ ns.d | tojson }}"},
      {"namespace in itself",
       "{% set ns = namespace() %}{% set ns.a = ns %}{% set ns.b = [ns, ns] %}{{ ns }}{{ ns.b }}", true},
      {"comparing twins",
       "{% set ns = namespace(a=[], b=[]) %}{% for i in range(90) %}{% set ns.a = [ns.a, ns.a] %}"
       "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}"},
      {"methods of methods",
       "{% set ns = namespace(m='a'.upper) %}{% for i in range(100000) %}{% set ns.m = [ns.m].count %}{% endfor %}"},
      {"cyclic changed", "{% for i in range(3) %}{{ loop.changed([loop]) }}{% endfor %}", true},
      {"keeps long strings",
       "{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = ns.l + ['x' * 16000000] %}{% endfor %}"},
      {"huge power", "{{ 10 ** 10 ** 10 }}"},
      {"power of 2", "{{ 2 ** 64 }}"},
      {"huge real power", "{{ 10.0 ** 1000 }}"},
      {"root of a negative", "{{ (-8) ** 0.5 }}"},
      {"division by zero", "{{ 1 / 0 }}"},
      {"modulo by zero", "{{ 1 % 0 }}"},
      {"least by minus one", "{{ (-9223372036854775807 - 1) // -1 }}"},
      {"least modulo minus one", "{{ (-9223372036854775807 - 1) % -1 }}", true},
      {"least negated", "{{ -(-9223372036854775807 - 1) }}"},
      {"least absolute", "{{ (-9223372036854775807 - 1) | abs }}"},
      {"overflow of a sum", "{{ 9223372036854775807 + 1 }}"},
      {"overflow of a product", "{{ 9223372036854775807 * 2 }}"},
      {"overflow in sum", "{{ [9223372036854775807, 1] | sum }}"},
      {"literal too large", "{{ 99999999999999999999 }}"},
      {"real too large", "{{ 1e999 }}"},
      {"real to integer", "{{ 1e300 | int }}"},
      {"format width", "{{ '%999999999d' % 1 }}"},
      {"format precision", "{{ '%.999999999f' % 1 }}"},
      {"format star", "{{ '%*d' % (999999999, 1) }}"},
      {"braces width", "{{ '{:999999999}'.format(1) }}"},
      {"many formats", "{{ '" + times("%9999d", 20000) + "' % (1,) }}"},
      {"many braces", "{{ ('{0:9999}' * 100000).format(1) }}"},
      {"center", "{{ 'x' | center(999999999) }}"},
      {"ljust", "{{ 'x'.ljust(9223372036854775807) }}"},
      {"zfill", "{{ 'x'.zfill(999999999) }}"},
      {"expandtabs", "{{ ('\\t' * 1000000).expandtabs(1000) }}"},
      {"replace grows", "{{ ('x' * 100000).replace('x', 'y' * 100000) }}"},
      {"replace between", "{{ ('x' * 1000000).replace('', 'y' * 1000) }}"},
      {"join grows", "{{ range(100000) | join('x' * 100000) }}"},
      {"indent grows", "{{ ('\\n' * 1000000) | indent(1000, true, true) }}"},
      {"indent wide", "{{ ('x\\n' * 100000) | indent(10000) }}"},
      {"wordwrap", "{{ ('x' * 1000000) | wordwrap(1) }}"},
      {"tojson indent", "{{ range(100000) | list | tojson(indent=1000) }}"},
      {"tojson huge indent", "{{ [1] | tojson(indent=999999999) }}"},
      {"batch fill", "{{ [1] | batch(999999999, 0) | list }}"},
      {"slice columns", "{{ [1] | slice(999999999) | list }}"},
      {"unique", "{{ range(100000) | unique | list }}"},
      {"sort", "{% for i in range(1000) %}{% set x = range(100000) | sort %}{% endfor %}"},
      {"list of a string", "{{ ('x' * 10000000) | list }}"},
      {"split", "{{ ('x ' * 5000000).split() | length }}"},
      {"index in a long string", "{% set s = 'é' * 1000000 %}{% for i in range(100000) %}{{ s[i] }}{% endfor %}"},
      {"in a long string", "{% set s = 'x' * 10000000 %}{% for i in range(100000) %}{{ 'y' in s }}{% endfor %}"},
      {"slice edges", "{{ [1, 2][9223372036854775807::9223372036854775807] }}{{ 'ab'[::-9223372036854775807] }}", true},
      {"long key", "{{ d." + times("x", 100000) + " }}", true},
      {"long name", "{{ " + times("x", 100000) + "() }}"},
      {"unknown tag", "{% " + times("x", 100000) + " %}"},
      {"unclosed string", "{{ '" + times("x", 100000)},
      {"unclosed comment", "{# " + times("x", 100000)},
      {"unclosed raw", "{% raw %}" + times("{% ", 100000)},
      {"too long", times("x", 2 << 20)},
      {"broken utf-8", "{{ '\xff\xfe\xf0\x9f' | upper | length }}\xc3", true},
      {"nul bytes", std::string("{{ \0 }}", 8)},
      {"surrogate", "{{ '\\ud800' }}"},
      {"dunder", "{{ ''.__class__.__mro__[1].__subclasses__() }}"},
      {"dunder by item", "{{ ''['__class__']['__mro__'] }}"},
      {"dunder by attr", "{{ (''|attr('__class__')).__mro__ }}"},
      {"dunder by format", "{{ '{0.__class__.__mro__}'.format('') }}"},
      {"globals of a macro", "{% macro m() %}{% endmacro %}{{ m.__globals__.os }}"},
      {"include", "{% include '/etc/passwd' %}"},
      {"import", "{% import '/etc/passwd' as p %}"},
      {"extends", "{% extends '/etc/passwd' %}"},
  };
}

TEST(HostileTemplates, endInTime) {
  const Json input = {{"messages", {{{"role", "user"}, {"content", "hi"}}}}, {"d", {{"k", 1}}}};
  const std::vector<Case> all = cases();
  EXPECT_GE(all.size(), 100u);
  double worst = 0;
  std::string slowest;
  for (const Case& c : all) {
    SCOPED_TRACE(c.name);
    const double start = test::processorSeconds();
    const auto t = ChatTemplate::compile(c.source);
    const Result<std::string> r = t ? t->render(input) : tl::unexpected(t.error());
    const double ms = 1e3 * (test::processorSeconds() - start);
    if (ms > worst) {
      worst = ms;
      slowest = c.name;
    }
    if (!c.mayRender) {
      EXPECT_FALSE(r.has_value()) << r->substr(0, 200);
    }
    if (r) {
      EXPECT_LE(r->size(), size_t(16) << 20);
    } else {
      EXPECT_LT(r.error().what.size(), 400u);
      EXPECT_NE(r.error().what.find("line "), std::string::npos) << r.error().what;
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(ms, 250);
#endif
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%zu templates; slowest %.0f ms (%s); peak memory %ld MiB\n", all.size(), worst, slowest.c_str(),
              usage.ru_maxrss / 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(usage.ru_maxrss / 1024, 600) << "MiB";
#endif
}

TEST(HostileTemplates, hostileInput) {
  const auto t = ChatTemplate::compile("{{ messages }}");
  Json deep = 1;
  for (int i = 0; i < 5000; ++i) deep = Json::array({std::move(deep)});
  const auto r = t->render({{"messages", deep}});
  ASSERT_FALSE(r.has_value());
  EXPECT_EQ(r.error().code, Err::tooLarge);
  EXPECT_FALSE(t->render({{"messages", uint64_t(-1)}}).has_value());
  EXPECT_EQ(*t->render({{"messages", "\xff\xfe"}}), "\xff\xfe");
}

}  // namespace
}  // namespace lemma
