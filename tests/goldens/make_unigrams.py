#!/usr/bin/env python3
"""Writes tests/goldens/unigrams.jsonl: small unigram tokenizers of the forms that folders have, and what the `tokenizers`
library makes of texts. `keys`: how a SentencePiece model of the same ways is set, which is what GGUF has keys for; null
where there is none.

Needs tokenizers, sentencepiece and protobuf, as make_tokenizers.py does. Usage: make_unigrams.py
"""
import json
import pathlib

from make_tokenizers import charsmap, texts, train_unigram
from tokenizers import AddedToken, Regex, decoders as D, normalizers as N, pre_tokenizers as P


def unigrams():
    extra = Regex(" {2,}")
    spm = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    whole = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()])
    both = {"add_space_prefix": True, "remove_extra_whitespaces": True}
    yield "t5", train_unigram(N.Sequence([N.Precompiled(charsmap(False)), N.Strip(False, True), N.Replace(extra, "▁")]),
                              P.Metaspace(), D.Metaspace()), both
    yield "t5, words", train_unigram(N.Precompiled(charsmap(True)), P.Sequence([P.WhitespaceSplit(), P.Metaspace()]),
                                     D.Metaspace()), both
    yield "t5, older", train_unigram(N.Sequence([N.Precompiled(charsmap(False)), N.Replace(extra, " ")]), P.Metaspace(),
                                     D.Metaspace()), both
    yield "bytes", train_unigram(None, P.Metaspace(prepend_scheme="never"), whole, True), {
        "add_space_prefix": False, "remove_extra_whitespaces": False}
    yield "bytes, prefix", train_unigram(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, spm, True), {
        "add_space_prefix": True, "remove_extra_whitespaces": False}
    yield "words only at the first", train_unigram(N.NFKC(), P.Metaspace(prepend_scheme="first"), spm, True), None


def main():
    with pathlib.Path(__file__).with_name("unigrams.jsonl").open("w", encoding="utf-8") as file:
        for name, t, keys in unigrams():
            t.add_special_tokens([AddedToken("<pad>", special=True)])
            t.add_tokens([AddedToken("<tool>", normalized=False)])
            cases = [[one, t.encode(one, add_special_tokens=False).ids] for one in texts()]
            line = {"name": name, "json": json.loads(t.to_str()), "keys": keys, "cases": cases}
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
