#!/usr/bin/env python3
"""Writes tests/template/cases/*.jsonl: one-feature templates, rendered by jinja2 set up as transformers does it.

First line of a file: the context. The cases of edges.jsonl stand in template_edges.txt, one a line: a template, or an
expression to be printed. Needs jinja2 (3.1). Usage: make_template_goldens.py OUT_FOLDER
"""
import datetime
import json
import os
import pathlib
import re
import sys
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: datetime.datetime(2026, 10, 1, 12, 34, 56).strftime(f)
    return env


CONTEXT = {
    "x": 3, "y": -7, "z": 2.5, "big": 9007199254740993, "s": "  Hello, Wörld!  ", "t": "a<b>&\"c'", "e": "", "n": None,
    "yes": True, "no": False, "l": [3, 1, 2], "w": ["b", "a", "C", "ß"], "d": {"k": 1, "b": [1, {"c": "é"}], "a": None},
    "nest": [[1, [2, 3]], [], [[4]]], "p": "one two  three", "multi": "a\n\n  b\nc\n", "tab": "a\tb", "u": "Ünïcödé ΑΒΓ 你好 🌍",
    "rows": [{"n": "b", "v": 2, "g": "x"}, {"n": "a", "v": 10, "g": "y"}, {"n": "C", "v": 2, "g": "x"}, {"v": 0, "g": "Y"}],
    "f": [0.1, 1e16, 1e-5, 123456789.125, -0.0, 3.0, 1e22, 1.5e300, 5e-324],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}, {"v": 5, "kids": []}],
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo", "tool_calls": [{"function":
                 {"name": "f", "arguments": {"q": 1}}}]}, {"role": "user", "content": None}],
}

EXPRESSIONS = r"""
x + y|x - y|x * y|x / 2|y / 2|x // 2|y // 2|y // -2|x % 2|y % 3|y % -3|x ** 2|2 ** -1|x ** 0.5|-x ** 2|2 ** 3 ** 2|z // 1|z % 1|-z % 2
z + 1|z * 2|7.0 // 2|1e3|1_000|0x1F|0b101|0o17|1.5e-3|1 / 3|2 / 1|10 / 5|big|big + 1|0.1 + 0.2|1e16|123456789012345678
x == 3.0|x != 3|1 < x <= 3|1 < x < 3|'a' < 'b'|'a' < 'B'|[1, 2] < [1, 3]|(1,) < (1, 2)|true == 1|none == false|'1' == 1|l == [3, 1, 2]|d == d
d == {'a': none, 'b': [1, {'c': 'é'}], 'k': 1}|q == r|q != 1|1 in l|4 not in l|'ell' in s|'k' in d|'z' in d|1 in (1, 2)|'' in ''|q in l
not x|not e|not l|not q|not 0.0|x and y|e and x|e or 'alt'|n or 0 or 'z'|x if no else y|'a' if yes|'a' if no|('a' if no) is defined
s ~ x ~ z ~ n ~ yes ~ q|'a' 'b'|'a' ~ 1 + 2 ~ 'b'|1 ~ 2 * 3|'%s' % x|'%d%%' % 50|'%5.2f!%-5d!%05d' % (z, x, x)|'%(k)s' % d|'%r' % 'a'|'%x %X %o' % (255, 255, 8)
'%s %s' % ('a', l)|'%+d' % x|'%e' % 12345.678|'%g' % 0.0001|'%g' % 1e10|'%c' % 65|'%10s!' % 'ab'|'%.2s' % 'abc'|'%s' % (none,)|'%i' % 3.9
l[0]|l[-1]|l[5]|l[1:]|l[:-1]|l[::-1]|l[::2]|l[-2:]|l[5:]|l[1:1]|'hello'[1]|'hello'[-1]|'hello'[1:3]|'hello'[::-1]|'hello'[9]|u[0]|u[8:11]|u[-1]|u[::-1]
d.k|d['k']|d.missing|d['b'][1]['c']|d.b.1.c|d.b[1].c|d.items|d['items'] is defined|(1, 2)[1]|nest[0][1][0]|l.0|d.get('k')|d.get('zz')|d.get('zz', 5)
[]|()|{}|(1,)|(1, 2)|[1, 'a', none, true, 1.5]|{'a': 1, 'b': [2]}|{1: 2, none: 3}|{'a': 1, 'a': 2}|['it\'s', "q\"", 'both\'"']|['\n\t\\', 'é', '\x00', '\u200b']|[q]
f|f[1]|f[2]|f[4]|[1e100]|-0.0|1e-4|1e15|1e17|nest|w
x is defined|q is defined|q is undefined|n is none|x is number|z is float|x is integer|yes is integer|yes is number|yes is boolean|s is string|l is string|d is mapping
l is sequence|s is sequence|d is sequence|x is sequence|l is iterable|x is iterable|x is odd|y is even|x is divisibleby 3|x is divisibleby(2)|x is eq 3|x is ne 3|x is gt 2
x is ge 3|x is lt 3|x is le 3|x is equalto 3|x is sameas x|yes is true|no is false|x is true|'abc' is lower|'ABC' is upper|'' is lower|'a1' is lower|1 is in l|range is callable|x is callable
x is not none|x is not defined or yes|x is in [3]|'upper' is filter|'nope' is filter|'odd' is test|l is not mapping|q is none|'é' is lower|'É' is upper|x is greaterthan 2|x is lessthan 2
s | trim|s | upper|s | lower|u | upper|u | lower|'straße' | upper|'heLLo wOrld' | capitalize|'hello wOrld-foo (bar) it\'s' | title|u | title|'éa' | capitalize
s | length|u | length|l | length|d | length|q | length|l | count|'xxaxx' | trim('x')|'a-b-c' | replace('-', '+')|'a-b-c' | replace('-', '+', 1)|'abc' | replace('', '.')|12 | replace(1, 3)
t | e|t | escape|t | forceescape | string|'<p>a <b>b</b></p>  c' | striptags|p | wordcount|'ab' | center(6) ~ '!'|'abc' | center(6) ~ '!'|'ab' | center(5) ~ '!'|'{:^5}'.format('ab') ~ '!'|'x' | indent|multi | indent(2)|multi | indent(2, true)|multi | indent(2, blank=true)
multi | indent('> ', true, true)|'a\nb\n' | indent|'abcdefghij klmno' | truncate(9)|'abcdefghij klmno' | truncate(9, true)|'foo bar baz qux' | truncate(9, false, '..', 0)|'short' | truncate(10)
'%s-%s' | format('a', 1)|'%(a)s' | format(a=1)|'a b/c?é' | urlencode|{'a': 'b c', 'd': 1} | urlencode|1 | filesizeformat|1000 | filesizeformat|1500000 | filesizeformat|1024 | filesizeformat(true)
'x' | int|'12' | int|' 12 ' | int|'12.7' | int|z | int|'0x1f' | int(0, 16)|'z' | int(5)|'1_0' | int|q | default(1) | int|'1.5' | float|'abc' | float|'abc' | float(1.5)|x | float|yes | int
2.567 | round(1)|2.5 | round|3.5 | round|2.567 | round(2)|2.1 | round(0, 'ceil')|2.9 | round(method='floor')|42 | round|2.675 | round(2)|1234.5 | round(-2)|-3 | abs|-2.5 | abs|y | abs
l | sort|l | sort(reverse=true)|w | sort|w | sort(case_sensitive=true)|w | sort(true, true)|l | first|l | last|'abc' | first|'abc' | last|[] | first|[] | last|l | sum|[] | sum|[1.5, 2] | sum|[[1], [2]] | sum(start=[])
l | max|l | min|w | max|w | min|[] | max|['b', 'A'] | min(true)|rows | max(attribute='v') | string|rows | min(attribute='v')|l | reverse | list|'abc' | reverse|l | list|'añb' | list|d | list|l | join|l | join(', ')|w | join('é')
rows | map(attribute='v') | join(',')|rows | map(attribute='n', default='?') | list|l | map('string') | list|l | map('float') | list|['a ', ' b'] | map('trim') | join('!')|w | map('upper') | list|['a-b', 'c-d'] | map('replace', '-', '+') | list
l | select('gt', 1) | list|l | select('odd') | list|l | reject('odd') | list|[0, 1, '', 'a', none] | select | list|[0, 1, '', 'a'] | reject | list|rows | selectattr('n') | map(attribute='v') | list|rows | selectattr('n', 'defined') | list | length
rows | selectattr('v', 'equalto', 2) | map(attribute='n') | list|rows | rejectattr('v', 'gt', 1) | list|rows | rejectattr('n') | list|rows | selectattr('v', '>', 1) | list | length|rows | selectattr('g', 'in', ['x']) | list | length
rows | sort(attribute='v') | map(attribute='v') | list|rows | sort(attribute='g,v') | map(attribute='g') | join|rows | groupby('v') | list|rows | groupby('g') | map('first') | list|rows | groupby('n', default='zz') | map(attribute=0) | list|rows | sum(attribute='v')
[1, 1.0, 2, 'a', 'A'] | unique | list|['a', 'A'] | unique(true) | list|rows | unique(attribute='v') | list | length|[1, 2, 3, 4, 5] | batch(2) | list|[1, 2, 3] | batch(2, 0) | list|[1, 2, 3, 4, 5] | slice(2) | list|[1, 2, 3, 4, 5] | slice(3, 'f') | list
d | dictsort|{'b': 1, 'A': 2} | dictsort|{'b': 1, 'A': 2} | dictsort(true)|{'b': 1, 'a': 2} | dictsort(by='value')|{'b': 1, 'a': 2} | dictsort(reverse=true)|d | items | list|d.items() | list|d.keys() | list|d.values() | list|d.items()|d.keys()|{}.values()
q | default('x')|e | default('x')|e | default('x', true)|n | default('x')|n | d('x', true)|d.zz | default(0)|d | string|l | string|z | string|q | string|nest | map('length') | list|nest | map('join', '-') | list
x | tojson|d | tojson|t | tojson|u | tojson|n | tojson|yes | tojson|f | tojson|d | tojson(indent=2)|nest | tojson(indent=1)|[] | tojson(indent=2)|{} | tojson(indent=2)|{'a': []} | tojson(indent=2)|d | tojson(indent=4, sort_keys=true)
(1, 2) | tojson|{1: 2, none: 1, true: 0, 1.5: 1} | tojson|'\x00\x1f\x7f\n\r\t\b\f\\"/' | tojson|d | tojson(separators=(',', ':'))|u | tojson(true)|u | tojson(ensure_ascii=true)|{'b': 1, 'a': 2} | tojson(sort_keys=true)|d | tojson(indent='--')
s.strip()|s.lstrip()|s.rstrip()|'xxaxx'.strip('x')|'xyax'.lstrip('xy')|'a.b.c'.split('.')|'a.b.c'.split('.', 1)|'a.b.c'.rsplit('.', 1)|p.split()|p.split(none, 1)|p.rsplit(none, 1)|p.split(' ')|''.split()|''.split(',')|' a  b '.split(maxsplit=1)
'a\nb\r\nc\n'.splitlines()|'a\nb\n'.splitlines(true)|'abc'.startswith('ab')|'abc'.startswith(('x', 'a'))|'abc'.endswith('bc')|'abc'.startswith('b', 1)|'abcabc'.find('c')|'abcabc'.find('c', 3)|'abc'.find('z')|'abcabc'.rfind('b')|'abc'.index('b')|u.find('你')
'abcabc'.count('bc')|'aaa'.count('aa')|'abc'.count('')|'abc'.replace('b', 'X')|'aaa'.replace('a', 'b', 2)|'-'.join(['a', 'b'])|'hello world'.title()|"it's".title()|'hELLO'.capitalize()|'aBc'.swapcase()|'abc'.upper()|u.lower()|'ab'.center(5, '*')|'ab'.center(6, '*')|'abc'.center(6, '*')|'ab'.ljust(5) ~ '!'|'ab'.rjust(5, '.')
'42'.zfill(5)|'-42'.zfill(5)|'a=b=c'.partition('=')|'a=b=c'.rpartition('=')|'abc'.partition('x')|'abc'.rpartition('x')|'abc'.removeprefix('a')|'abc'.removesuffix('c')|'123'.isdigit()|'12a'.isdigit()|''.isdigit()|'abc'.isalpha()|'é'.isalpha()|'a1'.isalnum()|' \t'.isspace()|'ABC'.isupper()|'abc'.islower()|'Abc Def'.istitle()|'a_1'.isidentifier()|'a\tb'.expandtabs(4)
'{} {}'.format('a', 1)|'{1} {0}'.format('a', 'b')|'{a}'.format(a=1)|'{:>5}!{:<5}!{:^5}'.format('a', 'b', 'c')|'{:05d}'.format(42)|'{:.2f}'.format(3.14159)|'{:,}'.format(1234567)|'{0[k]}'.format(d)|'{!r}'.format('a')|'{{}}'.format()|'{:x}'.format(255)|'{:+}'.format(3)|'{:.1%}'.format(0.256)|'{:*^7}'.format('x')
range(3) | list|range(1, 4) | list|range(5, 0, -2) | list|range(0) | list|range(3)|range(3) | length|range(5)[2]|range(1, 10, 3)|2 in range(3)|dict(a=1, b=2)|dict({'a': 1}, b=2)|[1] + [2]|(1,) + (2,)|'ab' * 3|[0] * 3|3 * 'x'|-1 * 'x'|l.count(1)|l.index(2)
strftime_now('%Y-%m-%d %H:%M:%S')|strftime_now('%d %B %Y')|strftime_now('%A %a %b %e %j %I %p %y %U %W %V %G %u %w %%')|strftime_now('%-d %c | %x | %X')|namespace(a=1).a|namespace(a=1).b|messages[0].role|messages[-1]['content']|messages[1].tool_calls[0].function.arguments.q
messages | map(attribute='role') | join(' ')|messages | selectattr('content') | map(attribute='content') | list|messages | selectattr('role', 'equalto', 'user') | list | length|(messages | last).role|messages | length - 1|[1, 2] | map('string') | list | tojson
'\u00e9\x41\101\n' | tojson|'a\qb'|"\\"|'é' ~ "ü"|s.nope is defined|l.append is defined|x | string | length|[1, [2, [3]]] | string|{'a': {'b': {}}}|true|True|none|None|false and q.a|'' ~ none
""".strip()

TEMPLATES = [
    "{% if x == 3 %}three{% elif x %}other{% else %}zero{% endif %}", "{% if no %}a{% elif x > 5 %}b{% else %}c{% endif %}",
    "{% for i in l %}{{ i }},{% endfor %}", "{% for i in [] %}x{% else %}empty{% endfor %}", "{% for i in q %}x{% else %}none{% endfor %}",
    "{% for c in 'añb' %}[{{ c }}]{% endfor %}", "{% for k in d %}{{ k }} {% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }};{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {% endfor %}",
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }}|{% endfor %}", "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for i in [1, 1, 2] %}{{ loop.changed(i) }} {% endfor %}", "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% for j in l %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for n in tree recursive %}{{ n.v }}({{ loop(n.kids) }}){{ loop.depth }}{% endfor %}",
    "{% set a = 1 %}{% for i in l %}{{ a }}{% set a = i %}{{ a }} {% endfor %}{{ a }}", "{% set a = 1 %}{% if yes %}{% set a = 2 %}{% endif %}{{ a }}",
    "{% set ns = namespace(c=0) %}{% for i in l %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}", "{% set ns = namespace() %}{% set ns.x = 5 %}{{ ns.x }}{{ ns.y is defined }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set a %}x{{ x }}y{% endset %}{{ a }}!", "{% set a | upper | replace('X', 'z') %}x{{ x }}y{% endset %}{{ a }}",
    "{% macro m(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }} {{ m() }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}in{{ x }}{% endcall %}",
    "{% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) each(l) %}[{{ i }}]{% endcall %}",
    "{% macro m() %}{{ g }}{% endmacro %}{% set g = 7 %}{{ m() }}", "{% set g = 1 %}{% macro m() %}{% set g = 2 %}{{ g }}{% endmacro %}{{ m() }}{{ g }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m('a') | upper }}{{ m('b') ~ 'c' }}{{ m('') == '' }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
    "{% filter upper %}a{{ x }}b{% endfilter %}", "{% filter replace('a', 'b') | upper %}aXa{% endfilter %}", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set z = 9 %}{{ z }}{% endwith %}{{ z }}", "{% raw %}{{ x }} {% if %}{% endraw %}", "{%- raw -%}  a  {%- endraw -%}  b", "{# c #}a{#- d -#} b", "a {#- c #} b",
    "{% generation %}g{{ x }}{% endgeneration %}", "{% block a %}{{ x }}{% endblock %}", "{% block a %}b{% endblock a %}", "{% print x %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}",
    "{% set j = joiner('; ') %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}", "{% if yes %}\nline\n{% endif %}\nafter\n", "a\n  {%- if yes %}\nb{% endif -%}\n  c", "x   {{- x }}", "{{ x -}}   y",
    "  {% if yes %}\n  in\n  {% endif %}\nout", "  {%+ if yes %}\n  in\n  {%+ endif %}\nout", "{% if yes +%}\nin\n{% endif %}", "a  {% if yes %}b{% endif %}", "\n{{ x }}\n\n", "{{ x }}\n", "    {# note #}\nq\n", "  {#- n -#}  q",
    "{{ '' }}\r\n{% if yes %}\r\ncr{% endif %}\r\n", "a\rb\r\nc", "{% for i in l %}\n  {{ i }}\n{% endfor %}\n", "{%- for i in l -%}\n* {{ i }}\n{%- endfor -%}", "\t{% if yes %}x{% endif %}\t{% if yes %}\ny{% endif %}",
    "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': {}} }}", "{{ '}}' }}{{ '%}' }}", "{% set x = '{% raw %}' %}{{ x }}", "{{ \"a\" if x else \"b\" if y else \"c\" }}", "{{ (x if no else y) + 1 }}", "{{ f(1) if f is defined and f is callable else 'no' }}",
    "{{ [1,2,3,] }}{{ (1,2,) }}{{ {'a':1,} }}", "{{ x|string|length }}", "{{ -x|abs }}", "{{ not x is none }}", "{{ x is not none and y is not none }}", "{{ 'a' in 'abc' and 'z' not in 'abc' }}", "{{ l[x - 2:] }}", "{{ d['k'] + d.k * 2 }}",
    "{% for m in messages %}{{ loop.index0 }}{{ m['role'] }}{% if not loop.last %},{% endif %}{% endfor %}", "{% for m in messages[::-1] %}{{ m.role }} {% endfor %}", "{% for m in messages if m.content %}{{ m.content }}{% endfor %}",
    "{% set u = messages | selectattr('role', 'equalto', 'user') | list %}{{ u | length }}{{ u[0].content }}", "{% for r in rows | sort(attribute='v', reverse=true) %}{{ r.v }} {% endfor %}", "{% for g, rs in rows | groupby('g') %}{{ g }}:{{ rs | map(attribute='v') | join(',') }};{% endfor %}",
    "{% for g in rows | groupby('v') %}{{ g.grouper }}={{ g.list | length }};{% endfor %}", "{{ x }}{% if yes %}{{ y }}{% endif %}{{ z }}", "{% set x = x + 1 %}{{ x }}", "{%if yes%}a{%endif%}", "{{x}}{{- y -}}{{z}}", "{{ loop is defined }}", "{% for i in l %}{% set loop_i = loop.index %}{{ loop_i }}{% endfor %}{{ loop_i is defined }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% set g = l | map('string') %}{{ g | list }}{{ g | list }}", "{% set r = range(3) %}{{ r | list }}{{ r | list }}", "{{ 'é'|length }}{{ '你好'[1] }}", "{{ messages|map('tojson')|join('\\n') }}", "{{ dict(messages[0], role='tool') | tojson }}",
    "{{ caller is defined }}", "{% set ns = namespace(l=[]) %}{% for i in l %}{% set ns.l = ns.l + [i * 2] %}{% endfor %}{{ ns.l }}", "{% set a = b = 1 %}", "{{ x.y.z }}", "{{ q.a }}", "{{ q[0] }}", "{{ q() }}", "{{ q + 1 }}", "{{ n.a.b }}", "{{ n + 1 }}", "{{ 'a' + 1 }}", "{{ 1 + 'a' }}", "{{ [] + () }}", "{{ 1 < 'a' }}",
    "{{ none < 1 }}", "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ 1.0 / 0 }}", "{{ 0 ** -1 }}", "{% for i in 5 %}{% endfor %}", "{% for i in none %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{{ x() }}", "{{ x | nope }}", "{{ x is nope }}", "{{ 'a' | int + 'b' }}", "{{ l.append(1) }}",
    "{{ d.pop('k') }}", "{{ d.update({}) }}", "{{ ''.__class__ }}", "{{ ().__class__.__mro__ }}", "{{ l | tojson | nope }}", "{{ range(3) | tojson }}", "{{ (l | map('string')) | tojson }}", "{{ q | tojson }}", "{{ d.keys() | tojson }}", "{{ len(l) }}", "{% set x.y = 1 %}", "{% set d.k = 1 %}", "{% if %}{% endif %}", "{% if x %}", "{% endif %}", "{% for %}{% endfor %}", "{{ x", "{{ }}",
    "{% unknown %}", "{{ x y }}", "{{ 'a }}", "{# a", "{% raw %}x", "{{ (1 }}", "{{ [1 }}", "{{ 1) }}", "{{ a. }}", "{{ a[ }}", "{{ a| }}", "{{ a is }}", "{% break %}", "{% include 'a' %}", "{% extends 'a' %}", "{% import 'a' as b %}", "{% macro %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=2) }}",
    "{{ raise_exception('no') }}", "{{ 'abc'.index('z') }}", "{{ l.index(9) }}", "{{ ''.join([1]) }}", "{{ 'a'.split('') }}", "{{ 'a'.startswith(1) }}", "{{ 1 in 'a' }}", "{{ 1 in 5 }}", "{{ x in none }}", "{{ '%d' % 'a' }}", "{{ '%s %s' % 'a' }}", "{{ '%s' % (1, 2) }}", "{{ '{} {}'.format(1) }}", "{{ '{a}'.format() }}", "{{ range(1, 2, 0) }}", "{{ l[::0] }}", "{{ l | sort(attribute='a') }}",
    "{{ [1, 'a'] | sort }}", "{{ [1, none] | max }}", "{{ l | batch }}", "{{ x | length }}", "{{ none | length }}", "{{ x | list }}", "{{ 'a' | sum }}", "{{ d | sum }}", "{{ {[]: 1} }}", "{{ -'a' }}", "{{ +none }}", "{{ not }}", "{{ 1 if }}", "{{ x is divisibleby 0 }}", "{{ loop.index }}", "{% for i in l %}{{ loop(l) }}{% endfor %}", "{{ true.x.y }}", "{{ 'a' * 'b' }}", "{{ l * 1.5 }}",
]


def write(path, env, templates):
    lines = [json.dumps({"context": CONTEXT}, ensure_ascii=False)]
    for template in templates:
        case = {"id": f"own/{len(lines):03d}", "template": template}
        try:
            case["expected"] = env.from_string(template).render(**CONTEXT)
            if re.search(" at 0x|[\ud800-\udfff]", case["expected"]):  # an address, or no text
                continue
        except Exception as e:
            case["error"] = type(e).__name__
        lines.append(json.dumps(case, ensure_ascii=False))
    with open(path, "w", newline="\n") as f:
        f.write("\n".join(lines) + "\n")
    errors = sum('"error"' in line for line in lines)
    print(f"{path}: {len(lines) - 1} cases, {errors} of them refusals", file=sys.stderr)


def main(folder):
    env = environment()
    expressions = []
    for line in EXPRESSIONS.splitlines():
        # `|` without blanks around separates the cases of a line; a filter is written with blanks
        expressions += re.split(r"(?<! )\|(?! )", line)
    os.makedirs(folder, exist_ok=True)
    write(os.path.join(folder, "jinja.jsonl"), env, ["{{ " + e + " }}" for e in expressions] + TEMPLATES)
    edges = (pathlib.Path(__file__).parent / "template_edges.txt").read_text().splitlines()
    write(os.path.join(folder, "edges.jsonl"), env,
          [e if re.match(r"(a |  )?\{[{%#]", e) else "{{ " + e + " }}" for e in edges])


main(sys.argv[1])
