#!/usr/bin/env python3
"""Writes engine/tokenizer/unicode_decompositions.cpp: what the four Unicode normal forms need, Hangul left out.

Only Python's own unicodedata is used (Python 3.11: Unicode 14.0). Run from the repository root:
    python3 resources/unicode/make_decompositions.py
"""
import pathlib
import unicodedata


def lines_of(words):
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) + 2 > 120:
            lines.append(line)
            line = "   "
        line += f" {word},"
    return "\n".join(lines + [line])


def is_hangul(code):
    return 0xAC00 <= code < 0xAC00 + 11172


def main():
    rows, compositions, classes = [], [], []
    for code in range(0x110000):
        text = chr(code)
        if 0xD800 <= code < 0xE000 or is_hangul(code):
            continue
        canonical, compatible = unicodedata.normalize("NFD", text), unicodedata.normalize("NFKD", text)
        for flag, whole in ((0, canonical), (1, compatible)):
            if whole != text and not (flag and whole == canonical):
                rows.append((code << 1 | flag, whole))
        parts = unicodedata.decomposition(text).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            a, b = (int(p, 16) for p in parts)
            if unicodedata.normalize("NFC", chr(a) + chr(b)) == text:
                compositions.append((a, b, code))
    last = 0
    for code in range(0x110000):
        combining = unicodedata.combining(chr(code))
        if combining != last:
            classes.append(code << 8 | combining)
            last = combining
    pool = [f"0x{ord(c) | (0x80000000 if i == 0 else 0):x}" for _, whole in rows for i, c in enumerate(whole)]
    compositions.sort()
    out = pathlib.Path(__file__).parents[2] / "engine/tokenizer/unicode_decompositions.cpp"
    out.write_text(
        "// Written by resources/unicode/make_decompositions.py from Python's unicodedata "
        f"(Unicode {unicodedata.unidata_version}); do not edit.\n"
        '#include "engine/tokenizer/unicode_forms.h"\n\n'
        "namespace lemma {\n\n"
        "// clang-format off\n"
        f"const uint32_t kDecomposed[{len(rows)}] = {{\n" + lines_of(f"0x{key:x}" for key, _ in rows) + "\n};\n"
        f"const uint32_t kDecompositions[{len(pool)}] = {{\n" + lines_of(pool) + "\n};\n"
        f"const Composition kCompositions[{len(compositions)}] = {{\n"
        + lines_of("{0x%x, 0x%x, 0x%x}" % c for c in compositions) + "\n};\n"
        f"const uint32_t kCombiningRuns[{len(classes)}] = {{\n" + lines_of(f"0x{c:x}" for c in classes) + "\n};\n"
        "// clang-format on\n"
        f"const size_t kDecomposedCount = {len(rows)}, kDecompositionCount = {len(pool)};\n"
        f"const size_t kCompositionCount = {len(compositions)}, kCombiningRunCount = {len(classes)};\n\n"
        "}  // namespace lemma\n")


if __name__ == "__main__":
    main()
