#!/usr/bin/env python3
"""Writes the seeds of the gguf, safetensors and tokenizer fuzz targets into tests/fuzz/corpus. Run it after changing a
format."""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "corpus"
U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def one(kind, value):
    return text(value) if kind == STRING else struct.pack("<" + PACK[kind], value)


def kv(key, kind, value):
    if isinstance(value, list):
        return text(key) + struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(one(kind, v) for v in value)
    return text(key) + struct.pack("<I", kind) + one(kind, value)


def gguf(kvs, tensors=(), version=3, align=32):
    """tensors: (name, shape, type number, bytes of data)"""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(kvs)) + b"".join(kv(*k) for k in kvs)
    data = b""
    for name, shape, kind, raw in tensors:
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", kind, len(data))
        data += raw + b"\0" * (-len(raw) % align)
    return head + b"\0" * (-len(head) % align) + data


def save(target, name, raw):
    folder = HERE / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(raw)


def gguf_seeds():
    save("gguf", "empty", gguf([]))
    save("gguf", "version2", gguf([("general.name", STRING, "seed")], version=2))
    scalars = [(f"k{kind}", kind, "text" if kind == STRING else 1) for kind in range(13) if kind != ARRAY]
    arrays = [(f"a{kind}", kind, ["a", "bc"] if kind == STRING else [0, 1]) for kind in range(13) if kind != ARRAY]
    save("gguf", "values", gguf(scalars + arrays))
    tensors = [("a", (32, 2), 3, bytes(40)), ("b", (4,), 0, bytes(16)), ("c", (2, 2, 2, 2), 1, bytes(32))]
    save("gguf", "tensors", gguf([("general.alignment", U32, 64)], tensors, align=64))


def safetensors(tensors, notes=None):
    """tensors: (name, dtype, shape, bytes of data)"""
    header, data = {"__metadata__": notes} if notes else {}, b""
    for name, dtype, shape, raw in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text_bytes = json.dumps(header).encode()
    text_bytes += b" " * (-len(text_bytes) % 8)
    return struct.pack("<Q", len(text_bytes)) + text_bytes + data


def safetensors_seeds():
    save("safetensors", "empty", safetensors([]))
    save("safetensors", "notes", safetensors([("a", "F32", [2, 2], bytes(16))], {"format": "pt"}))
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1}
    save("safetensors", "types", safetensors([(k, k, [3], bytes(3 * n)) for k, n in sizes.items()]))
    save("safetensors", "scalar", safetensors([("s", "BOOL", [], bytes(1))]))


def byte_level_char(byte):
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return chr(byte if byte in plain else 0x100 + [b for b in range(256) if b not in plain].index(byte))


def tokenizer_seeds():
    text_bytes = "<think>hello 123\n\n'll \u4f60\u597d \U0001f600</s>".encode()
    letters = [byte_level_char(b) for b in range(256)]
    tokens = [*letters, "he", "ll", "hell", "<think>", "<|im_end|>"]
    common = [("tokenizer.ggml.tokens", STRING, tokens),
              ("tokenizer.ggml.token_type", I32, [1] * 259 + [4, 3]),
              ("tokenizer.ggml.merges", STRING, ["h e", "l l", "he ll"]),
              ("tokenizer.ggml.eos_token_id", U32, 260)]
    for pre in ["gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "deepseek-v3", "tekken"]:
        kvs = [("tokenizer.ggml.model", STRING, "gpt2"), ("tokenizer.ggml.pre", STRING, pre), *common]
        save("tokenizer", pre, struct.pack("<H", len(text_bytes)) + text_bytes + gguf(kvs))
    pieces = ["<unk>", "<s>", "</s>", "\u2581", "h", "e", "he", "\u2581he", *(f"<0x{b:02X}>" for b in range(256))]
    sentencepiece = [("tokenizer.ggml.model", STRING, "llama"), ("tokenizer.ggml.tokens", STRING, pieces),
                     ("tokenizer.ggml.scores", F32, [0.0] * 3 + [-1.0, -2.0, -3.0, -4.0, -5.0] + [0.0] * 256),
                     ("tokenizer.ggml.token_type", I32, [2, 3, 3, 1, 1, 1, 1, 1] + [6] * 256)]
    save("tokenizer", "sentencepiece", struct.pack("<H", len(text_bytes)) + text_bytes + gguf(sentencepiece))


def tokenizer_json_seeds():
    wanted = ["byte level", "llama 3", "o200k", "split removed, inverted", "words and looks", "nfkc", "replace by regex",
              "whitespace", "gemma", "metaspace first", "unigram, bytes", "t5"]
    text_bytes = "Hello, World! e\u0301 123 \u4f60\u597d \U0001f600 <s>x</s> <tool>\n\n a".encode()
    for line in (HERE.parent.parent / "goldens" / "tokenizers.jsonl").read_text(encoding="utf-8").splitlines():
        form = json.loads(line)
        if form["name"] not in wanted:
            continue
        raw = json.dumps(form["json"], ensure_ascii=False, separators=(",", ":")).encode()
        save("tokenizer_json", form["name"].replace(",", "").replace(" ", "-"),
             struct.pack("<H", len(text_bytes)) + text_bytes + raw)


if __name__ == "__main__":
    gguf_seeds()
    safetensors_seeds()
    tokenizer_seeds()
    tokenizer_json_seeds()
