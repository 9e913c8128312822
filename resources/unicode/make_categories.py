#!/usr/bin/env python3
"""Writes engine/tokenizer/unicode_categories.cpp: the general category of every code point, and the Han script, as runs.

Categories are those of Python's own unicodedata (Python 3.11: Unicode 14.0); scripts are those of the `regex` module
from PyPI (Apache-2.0), which nothing else needs. Run from the repository root:
    python3 -m venv /tmp/v && /tmp/v/bin/pip install regex && /tmp/v/bin/python resources/unicode/make_categories.py
"""
import pathlib
import unicodedata

import regex

ORDER = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
         "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"]


def lines_of(words):
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) + 2 > 120:
            lines.append(line)
            line = "   "
        line += f" {word},"
    return "\n".join(lines + [line])


def main():
    runs = []
    for code in range(0x110000):
        name = unicodedata.category(chr(code))
        if not runs or runs[-1][1] != name:
            runs.append((code, name))
    han, start = [], None
    for code in range(0x110001):
        inside = code < 0x110000 and regex.match(r"\p{Han}", chr(code)) and unicodedata.category(chr(code)) != "Cn"
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            han.append((start, code - 1))
            start = None
    out = pathlib.Path(__file__).parents[2] / "engine/tokenizer/unicode_categories.cpp"
    out.write_text(
        "// Written by resources/unicode/make_categories.py from Python's unicodedata "
        f"(Unicode {unicodedata.unidata_version}); do not edit.\n"
        '#include "engine/tokenizer/unicode_class.h"\n\n'
        "namespace lemma {\n\n"
        "// clang-format off\n"
        f"const uint32_t kCategoryRuns[{len(runs)}] = {{\n"
        + lines_of(f"0x{(code << 5) | ORDER.index(name):x}" for code, name in runs) + "\n};\n"
        f"const CodeRange kHanRanges[{len(han)}] = {{\n"
        + lines_of(f"{{0x{a:x}, 0x{b:x}}}" for a, b in han) + "\n};\n"
        "// clang-format on\n"
        f"const size_t kCategoryRunCount = {len(runs)};\n"
        f"const size_t kHanRangeCount = {len(han)};\n\n"
        "}  // namespace lemma\n")


if __name__ == "__main__":
    main()
