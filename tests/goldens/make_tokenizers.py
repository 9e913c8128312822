#!/usr/bin/env python3
"""Writes small tokenizers with ids of their own libraries: tests/goldens/tokenizers.jsonl, every form of tokenizer.json,
and tests/goldens/sentencepiece.jsonl, models of SentencePiece as GGUF holds them.

The libraries are `tokenizers` (Apache-2.0) and `sentencepiece` (Apache-2.0) from PyPI; every tokenizer is trained here
on the sentences below. A line: {"name", "json": the file, "cases": [[text, ids, decoded], ...]} where ids are without
special tokens around the text, and null for `decoded` means the text itself. Of the second file: {"name", "pieces":
[[text, score, GGUF's type], ...], "charsmap": base64, "remove_extra", "cases": [[text, ids], ...]}.
    python3 -m venv /tmp/v && /tmp/v/bin/pip install tokenizers==0.22.2 sentencepiece==0.2.3 protobuf
    /tmp/v/bin/python tests/goldens/make_tokenizers.py
"""
import base64
import io
import json
import pathlib
import random
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and then it sleeps.", "Let us think step by step about 17 + 25 = 42.",
    "she sells sea shells by the sea shore; the shells she sells are sea shells for sure",
    "def main():\n    return 0  # a comment\n", "Über die Brücke müssen 123 Gänse gehen, naïve café déjà vu.",
    "你好，世界。 今天天气很好。", "Привет, мир! Как дела?", "日本語のテキスト カタカナ", "one two three four five six seven eight nine ten",
    "I'm sure you'll say we've been here, don't they?", "a b c d e f g h i j k l m n o p q r s t u v w x y z",
] * 3
TEXTS = [
    "", " ", "  ", "a", " a", "a ", "  a  b  ", "hello world", "Hello, World!", "The quick brown fox", "don't I'M we'll",
    "step by step 1234567 and ½ Ⅷ ²", "\n\n a\tb\r\n c", "Ünïcödé café e\u0301 a\u0308\u0323", "ﬁne ①②③ ｆｕｌｌ Ａ１ ㍿",
    "你好，世界。", "日本語カタカナ ｶﾞ", "Привет", "한국어 \u1112\u1161\u11ab", "😀 👩‍👩‍👧 🏳️‍🌈", "<s>x</s>", "a<tool>b", "a <tool> b", "say<strip>  x",
    "x  <strip>y", "wordone two wordone", "awordonea", "▁a▁ ▁", "zzz qqq ☃☃ x☃y", "İstanbul ΣΑΣ ẞ", "a\u00a0b\u3000c\u200bd",
    "!?.,;:'\"()[]{}<>@#$%^&*-_=+/\\|~`", "1 22 333 4444 55555", "\u0000\u0001\u007f", "\r", "a\r\nb", "tab\t\ttab", "½x\u0327\u0301y",
]


def texts():
    rng = random.Random(7)
    alphabet = list("abcdefghi  \n\t.,'12AÄé你ｆ①☃\u0301😀▁<>")
    return TEXTS + ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 24))) for _ in range(12)]


def train_bpe(normalizer, pre_tokenizer, decoder, size=330, byte_level=False, **options):
    t = Tokenizer(models.BPE(**options))
    if normalizer:
        t.normalizer = normalizer
    if pre_tokenizer:
        t.pre_tokenizer = pre_tokenizer
    if decoder:
        t.decoder = decoder
    special = ["<unk>", "<s>", "</s>"]
    if options.get("byte_fallback"):
        special += [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=size + len(special), special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if byte_level else [])
    t.train_from_iterator(SENTENCES, trainer)
    data = json.loads(t.to_str())  # tokens of bytes are plain ones
    data["added_tokens"] = [a for a in data["added_tokens"] if not a["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(data))


def train_unigram(normalizer, pre_tokenizer, decoder, byte_fallback=False):
    special = ["<unk>", "<s>", "</s>"]
    t = Tokenizer(models.Unigram())
    if normalizer:
        t.normalizer = normalizer
    if pre_tokenizer:
        t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator(SENTENCES, trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>",
                                                             show_progress=False))
    data = json.loads(t.to_str())
    if byte_fallback:
        data["model"]["byte_fallback"] = True
        data["model"]["vocab"] += [[f"<0x{b:02X}>", -20.0] for b in range(256)]
    t = Tokenizer.from_str(json.dumps(data))
    if decoder:
        t.decoder = decoder
    return t


def rules_file(file, fold):
    """A map as SentencePiece compiles it, of the few characters that the texts hold: its own maps take 300 kB."""
    rules = {"\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\u200b": "", "\u0001": "", "\x7f": ""}
    sources = [chr(c) for c in [*range(0xC0, 0x180), *range(0x1E00, 0x1F00), *range(0x2460, 0x2480), *range(0xFB00, 0xFB07),
                                *range(0xFF01, 0xFFA0), *range(0x3300, 0x3380), 0xBD, 0xB2, 0x2167]]
    sources += [unicodedata.normalize("NFD", c) for c in sources]
    for source in sources:
        target = unicodedata.normalize("NFKC", source)
        rules[source] = target.casefold() if fold else target
    if fold:
        rules.update({c: c.lower() for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    for source, target in sorted(rules.items()):
        if source != target:
            file.write("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in (source, target)) + "\n")
    file.flush()


def sentencepiece_model(rules=None, **options):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        if rules is not None:
            rules_file(file, rules)
            options["normalization_rule_tsv"] = file.name
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(SENTENCES), model_writer=model, minloglevel=2,
                                                 hard_vocab_limit=False, **options)
    return model.getvalue()


def proto_of(model):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    return proto


def charsmap(fold):
    return proto_of(sentencepiece_model(fold, vocab_size=120)).normalizer_spec.precompiled_charsmap


def sentencepieces():
    plain = dict(normalization_rule_name="identity", remove_extra_whitespaces=False, vocab_size=420)
    yield "llama", sentencepiece_model(model_type="bpe", byte_fallback=True, **plain)
    yield "llama, no bytes", sentencepiece_model(model_type="bpe", **{**plain, "vocab_size": 250})
    yield "t5", sentencepiece_model(False, model_type="unigram", vocab_size=250, user_defined_symbols=["<tool>"])
    yield "t5, bytes", sentencepiece_model(True, model_type="unigram", vocab_size=420, byte_fallback=True,
                                           remove_extra_whitespaces=False)


def with_merges_as_text(t):
    data = json.loads(t.to_str())
    data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
    return json.dumps(data, ensure_ascii=False)


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = r"(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"


def byte_level(*steps, last=None):
    return pre_tokenizers.Sequence([*steps, last or pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def tokenizers():
    P, N, D = pre_tokenizers, normalizers, decoders
    split = lambda pattern, behavior="isolated", invert=False: P.Split(Regex(pattern), behavior, invert)
    level = D.ByteLevel()
    bl = lambda normalizer, pre: train_bpe(normalizer, pre, level, byte_level=True)
    yield "byte level", bl(None, P.ByteLevel(add_prefix_space=False))
    yield "byte level, prefix space", bl(None, P.ByteLevel(add_prefix_space=True))
    yield "llama 3", train_bpe(None, byte_level(split(LLAMA3)), level, byte_level=True, ignore_merges=True)
    yield "o200k", bl(None, byte_level(split(O200K)))
    yield "cl100k with possessive repeats", bl(N.NFC(), byte_level(split(CL100K)))
    yield "falcon", bl(None, P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False),
                                         P.Digits(individual_digits=False), split("[0-9][0-9][0-9]")]))
    yield "digits", bl(None, byte_level(P.Digits(individual_digits=True), last=P.ByteLevel(add_prefix_space=False)))
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        yield f"split {behavior}", bl(None, byte_level(split(r"[ .,]", behavior)))
        yield f"split {behavior}, inverted", bl(None, byte_level(split(r"\w", behavior, True)))
        yield f"text {behavior}", bl(None, byte_level(P.Split("a", behavior)))
    yield "words and looks", bl(None, byte_level(split(r"\b[a-c]+?\B|(?<!a)b+|^\s+|x$|\A.|[\w&&[^\d_]]+")))
    for name, form in (("nfc", N.NFC()), ("nfd", N.NFD()), ("nfkc", N.NFKC()), ("nfkd", N.NFKD())):
        yield name, bl(form, P.ByteLevel(add_prefix_space=False))
    yield "lowercase, strip, no accents", bl(N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents(), N.Strip()]),
                                             P.ByteLevel(add_prefix_space=False))
    yield "replace by regex", bl(N.Sequence([N.Replace(Regex(r"\s+"), " "), N.Replace("a", "aa"), N.Strip(True, False)]),
                                 P.ByteLevel(add_prefix_space=False))
    yield "whitespace", train_bpe(None, P.Whitespace(), D.Fuse(), unk_token="<unk>")
    yield "whitespace split", train_bpe(None, P.WhitespaceSplit(), D.Fuse(), unk_token="<unk>", fuse_unk=True)
    yield "punctuation", train_bpe(None, P.Sequence([P.Punctuation(), P.CharDelimiterSplit("e")]), D.Fuse(),
                                   unk_token="<unk>")
    spm = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    fall = dict(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    yield "llama 2", train_bpe(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, spm, **fall)
    yield "gemma", train_bpe(N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"),
                             D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]), **fall)
    yield "phi 3", train_bpe(None, P.Metaspace(prepend_scheme="first", split=False), spm, **fall)
    for scheme in ("always", "first", "never"):
        yield f"metaspace {scheme}", train_bpe(None, P.Metaspace(prepend_scheme=scheme),
                                               D.Metaspace(prepend_scheme=scheme), **fall)
    yield "unigram", train_unigram(None, P.Metaspace(), D.Metaspace())
    yield "unigram, bytes", train_unigram(N.NFKC(), P.Metaspace(prepend_scheme="first"), spm, True)
    for name, fold in (("t5", False), ("t5, folded", True)):
        yield name, train_unigram(N.Sequence([N.Precompiled(charsmap(fold)), N.Replace(Regex(" {2,}"), " ")]),
                                          P.Metaspace(), D.Metaspace())


def main():
    out = pathlib.Path(__file__).parent / "tokenizers.jsonl"
    with out.open("w", encoding="utf-8") as file:
        for number, (name, t) in enumerate(tokenizers()):
            t.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("<strip>", lstrip=True, rstrip=True),
                          AddedToken("wordone", single_word=True, normalized=True)])
            model = json.loads(t.to_str())["model"]
            plain = not any(" " in piece for piece in model["vocab"])  # a space in a token would cut its merges wrongly
            text = with_merges_as_text(t) if number % 2 and plain and "merges" in model else t.to_str()
            cases = []
            for one in texts():
                ids = t.encode(one, add_special_tokens=False).ids
                decoded = t.decode(ids, skip_special_tokens=False)
                cases.append([one, ids, None if decoded == one else decoded])
            line = json.dumps({"name": name, "json": json.loads(text), "cases": cases}, ensure_ascii=False,
                              separators=(",", ":"))
            file.write(line + "\n")
    with (out.parent / "sentencepiece.jsonl").open("w", encoding="utf-8") as file:
        for name, model in sentencepieces():
            proto, processor = proto_of(model), sentencepiece.SentencePieceProcessor(model_proto=model)
            spec = proto.normalizer_spec
            line = {"name": name, "pieces": [[p.piece, p.score, p.type] for p in proto.pieces],
                    "charsmap": base64.b64encode(spec.precompiled_charsmap).decode(),
                    "remove_extra": spec.remove_extra_whitespaces,
                    "cases": [[t, processor.encode(t)] for t in texts() if "\0" not in t]}
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
