#!/usr/bin/env python3
"""Writes tests/goldens/splits.jsonl: how the published expressions of each pre-tokenizer split random text.

The expressions are those of the models' tokenizer.json (and of the GGUF names they go by); the engine is the `regex`
module from PyPI (Apache-2.0), which nothing else here uses. A line: {"pre", "text", "words": bytes of each word}.
    python3 -m venv /tmp/v && /tmp/v/bin/pip install regex && /tmp/v/bin/python tests/goldens/make_splits.py
"""
import json
import pathlib
import random

import regex

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
A, B = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD, TAIL = r"[^\r\n\p{L}\p{N}]?", r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
CASED = (r"\u0041-\u005a\u0061-\u007a\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293"
         r"\u0295-\u02af\u0370-\u0373\u0376-\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1"
         r"\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba"
         r"\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d"
         r"\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc"
         r"\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115"
         r"\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e"
         r"\u2183-\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2-\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f"
         r"\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
         r"\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"
         r"\U000118a0-\U000118df\U0001e900-\U0001e943")
NOT_HAN = r"&&[^\p{Han}]"
KIMI_A, KIMI_B = A[:-1] + NOT_HAN + "]", B[:-1] + NOT_HAN + "]"
EAST_ASIAN = r"[一-龥ࠀ-一가-퟿]+"
EXPRESSIONS = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "llama-bpe": [LLAMA3],
    "qwen2": [LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")],
    "deepseek-llm": [r"[\r\n]", rf"\s?[{CASED}]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", EAST_ASIAN, r"\p{N}+"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", EAST_ASIAN, r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", r"[一-龥\u3040-ゟ゠-ヿ]+",
                    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "tekken": [rf"{LEAD}{A}*{B}+|{LEAD}{A}+{B}*|\p{{N}}{TAIL}"],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]"],
    "glm4": [LLAMA3],
    "qwen35": [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
               r"|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "seed-coder": [LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}").replace(r"[^\s\p{L}\p{N}]+[\r\n]*", r"[^\s\p{L}\p{N}\r\n]+")],
    "viking": [" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+", r"\p{N}"],
    "kimi-k2": [rf"(?V1)[\p{{Han}}]+|{LEAD}{KIMI_A}*{KIMI_B}+{SHORT}|{LEAD}{KIMI_A}+{KIMI_B}*{SHORT}|\p{{N}}{{1,3}}"
                + TAIL.replace("/", "")],
    "gpt-4o": [rf"{LEAD}{A}*{B}+{SHORT}|{LEAD}{A}+{B}*{SHORT}|\p{{N}}{{1,3}}{TAIL}"],
}
# Characters of every class that an expression tells apart, all in Unicode 14 and of an unchanged category since.
COMMON = list("aZbQ sx  \n\r\t'\"09.,!/_-")
RARE = list("éßſÅǅʰªªλΣЖжאبไ่漢字かカー・゛゙你龥龦가ࠀ\u0301\u0903\u20dd٣½Ⅷ²１$+^`~|<=>©€ˋ“”‘—…。　，Ａｚﬁ ﬓẞᲐაꭰꬰℂ℃K"
            "\u00a0\u0085\u2003\u2028\u200b\u200d\ufe0f\ufeff\u0000\u001b\u007f\u0378\ue000\U000f0000\ufffd"
            "😀🏳𝕳𝟙𐐀𐐨𞤀𠀀")
PIECES = ["'s", "'S", "'ll", "'LL", "'Re", "'ve", "'d", "'ſ", "don't", "I'M", "  ", " \n", "\n\n", "\r\n", "123456", "camelCase",
          "ABCdef", "ABC", "/*", "//\n", "):\n\n", "'x", "日本語", "カタカナ", "hello", " world"]


def split(text, stages):
    if not stages:
        return [text]
    words, done = [], 0
    for match in regex.finditer(stages[0], text):
        if match.end() == match.start():
            continue
        for part in (text[done:match.start()], match.group()):
            words += split(part, stages[1:]) if part else []
        done = match.end()
    return words + (split(text[done:], stages[1:]) if done < len(text) else [])


def random_text(rng):
    out = ""
    for _ in range(rng.randrange(1, 16)):
        out += rng.choice(rng.choice([COMMON, COMMON, RARE, PIECES]))
    return out


def main():
    rng = random.Random(2026)
    out = pathlib.Path(__file__).parent / "splits.jsonl"
    with out.open("w", encoding="utf-8") as file:
        for pre, expressions in EXPRESSIONS.items():
            stages = [e.replace(r"\s", r"\p{White_Space}").replace(r"\S", r"\P{White_Space}") for e in expressions]
            for _ in range(250):
                text = random_text(rng)
                words = split(text, stages)
                assert "".join(words) == text
                lengths = [len(w.encode()) for w in words]
                file.write(json.dumps({"pre": pre, "text": text, "words": lengths}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
