#!/usr/bin/env python3
"""Writes engine/tokenizer/unicode_categories.cpp: the general categories that pre-tokenizers ask for, as runs.

Only Python's own unicodedata is used (Python 3.11: Unicode 14.0). Run from the repository root:
    python3 resources/unicode/make_categories.py
"""
import pathlib
import unicodedata

WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
LETTERS = {"Lu": "upper", "Ll": "lower", "Lt": "title", "Lm": "modifier", "Lo": "letter"}
FIRSTS = {"M": "mark", "N": "number", "P": "punctuation", "S": "symbol"}
ORDER = ["upper", "lower", "title", "modifier", "letter", "mark", "number", "punctuation", "symbol", "space", "other"]


def char_class(code):
    if code in WHITE_SPACE:
        return "space"
    category = unicodedata.category(chr(code))
    return LETTERS.get(category) or FIRSTS.get(category[0]) or "other"


def main():
    runs = []
    for code in range(0x110000):
        name = char_class(code)
        if not runs or runs[-1][1] != name:
            runs.append((code, name))
    words = [f"0x{(code << 4) | ORDER.index(name):x}" for code, name in runs]
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) + 2 > 120:
            lines.append(line)
            line = "   "
        line += f" {word},"
    lines.append(line)
    out = pathlib.Path(__file__).parents[2] / "engine/tokenizer/unicode_categories.cpp"
    out.write_text(
        "// Written by resources/unicode/make_categories.py from Python's unicodedata "
        f"(Unicode {unicodedata.unidata_version}); do not edit.\n"
        '#include "engine/tokenizer/unicode_class.h"\n\n'
        "namespace lemma {\n\n"
        "// clang-format off\n"
        f"const uint32_t kCharClassRuns[{len(runs)}] = {{\n" + "\n".join(lines) + "\n};\n"
        "// clang-format on\n"
        f"const size_t kCharClassRunCount = {len(runs)};\n\n"
        "}  // namespace lemma\n")


if __name__ == "__main__":
    main()
