#!/usr/bin/env python3
"""Writes the seeds of most fuzz targets into tests/fuzz/corpus. Run it after changing a format."""
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


def round_trip_seeds():
    texts = {"words": "Hello  world, it's 1234567 tokens\n\n\tand <|im_start|>system<|im_end|> <think>x</think>",
             "scripts": "\u4f60\u597d \u043f\u0440\u0438\u0432\u0435\u0442 e\u0301 \U0001f600\U0001f3fd \u0661\u0662 \u3000x\r\n"}
    for i, (name, text_) in enumerate(texts.items()):
        save("round_trip", name, bytes([i]) + text_.encode())
    save("round_trip", "bytes", bytes([4]) + bytes(range(256)))


def conversation_seeds():
    plain = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <|im_end|> there\n"},
             {"role": "assistant", "content": "<think>hm</think>Hello"}, {"role": "user", "content": "\u4f60\u597d"}]
    tools = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]},
             {"role": "assistant", "content": None, "tool_calls": [{"id": 1, "function": {"name": "f", "arguments": {}}}]},
             {"role": "tool", "content": "1.5e3", "extra": [[[True]]]}]
    for number in range(7):
        save("conversation", f"plain_{number}", bytes([number]) + json.dumps(plain).encode())
    for number in range(3):
        save("conversation", f"tools_{number}", bytes([number]) + json.dumps(tools).encode())


def config_json_seeds():
    base = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 4096,
            "vocab_size": 100, "hidden_act": "silu", "tie_word_embeddings": False}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "norm_topk_prob": True,
               "decoder_sparse_step": 1, "mlp_only_layers": [], "shared_expert_intermediate_size": 32}
    mla = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_shared_experts": 1,
           "first_k_dense_replace": 1, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 16,
           "qk_rope_head_dim": 8, "v_head_dim": 16, "n_group": 2, "topk_group": 1, "scoring_func": "sigmoid",
           "topk_method": "noaux_tc", "routed_scaling_factor": 2.5, "norm_topk_prob": True, "moe_layer_freq": 1,
           "num_nextn_predict_layers": 1}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024, "beta_fast": 32, "beta_slow": 1,
            "mscale": 1.0, "mscale_all_dim": 1.0}
    fp8 = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    long = {"type": "longrope", "short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 1024}
    forms = {"llama": {"rope_scaling": llama3, "head_dim": 16}, "mistral": {"sliding_window": 128},
             "qwen2": {"use_sliding_window": True, "sliding_window": 128, "max_window_layers": 1},
             "qwen3": {"head_dim": 32, "rope_scaling": yarn}, "qwen2_moe": experts, "qwen3_moe": {**experts, "head_dim": 32},
             "glm4_moe": {**mla, "partial_rotary_factor": 0.5, "head_dim": 16, "use_qk_norm": True},
             "phi3": {"rope_scaling": long, "original_max_position_embeddings": 1024, "sliding_window": 2047},
             "gemma3_text": {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 16, "rope_local_base_freq": 1e4,
                             "layer_types": ["sliding_attention", "full_attention"]},
             "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16, "sliding_window": 16,
                         "rope_scaling": yarn, "layer_types": ["sliding_attention", "full_attention"],
                         "quantization_config": {"quant_method": "mxfp4"}},
             "deepseek_v2": {**mla, "scoring_func": "softmax", "topk_method": "greedy"},
             "deepseek_v3": {**mla, "rope_scaling": yarn, "quantization_config": fp8}}
    for name, more in forms.items():
        save("config_json", name, json.dumps({"model_type": name, **base, **more}).encode())


def model_seeds():
    def q4(rows):  # Q4_0, 32 columns
        return b"".join(struct.pack("<e", 0.01) + bytes((7 * i + 5 * row) % 256 for i in range(16)) for row in range(rows))

    def ones(count):
        return struct.pack(f"<{count}f", *[1.0] * count)

    for arch in ("llama", "qwen3", "qwen3moe"):
        heads = [("attn_q_norm", (16,), 0, ones(16)), ("attn_k_norm", (16,), 0, ones(16))] if arch != "llama" else []
        dense = [("ffn_gate", (32, 32), 2, q4(32)), ("ffn_up", (32, 32), 2, q4(32)),
                 ("ffn_down", (32, 32), 2, q4(32))]
        routed = [("ffn_gate_inp", (32, 2), 2, q4(2)), ("ffn_gate_exps", (32, 32, 2), 2, q4(64)),
                  ("ffn_up_exps", (32, 32, 2), 2, q4(64)), ("ffn_down_exps", (32, 32, 2), 2, q4(64))]
        layer = [("attn_norm", (32,), 0, ones(32)), ("ffn_norm", (32,), 0, ones(32)), *heads,
                 ("attn_q", (32, 32), 2, q4(32)), ("attn_k", (32, 16), 2, q4(16)), ("attn_v", (32, 16), 2, q4(16)),
                 ("attn_output", (32, 32), 2, q4(32)), *(routed if arch == "qwen3moe" else dense)]
        tokens = ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581a"]
        kvs = [("general.architecture", STRING, arch), (f"{arch}.block_count", U32, 1), (f"{arch}.context_length", U32, 64),
               (f"{arch}.embedding_length", U32, 32), (f"{arch}.feed_forward_length", U32, 32),
               (f"{arch}.attention.head_count", U32, 2), (f"{arch}.attention.head_count_kv", U32, 1),
               (f"{arch}.attention.key_length", U32, 16), (f"{arch}.attention.value_length", U32, 16),
               (f"{arch}.attention.layer_norm_rms_epsilon", F32, 1e-5), (f"{arch}.rope.dimension_count", U32, 16),
               (f"{arch}.rope.freq_base", F32, 10000.0), ("tokenizer.ggml.model", STRING, "llama"),
               ("tokenizer.ggml.tokens", STRING, tokens), ("tokenizer.ggml.scores", F32, [-float(i) for i in range(8)]),
               ("tokenizer.ggml.token_type", I32, [2, 3, 3, 1, 1, 1, 1, 1]), ("tokenizer.ggml.bos_token_id", U32, 1),
               ("tokenizer.chat_template", STRING, "{% for m in messages %}{{ m.content }}{% endfor %}")]
        if arch == "qwen3moe":
            kvs += [("qwen3moe.expert_count", U32, 2), ("qwen3moe.expert_used_count", U32, 1),
                    ("qwen3moe.expert_feed_forward_length", U32, 32)]
        tensors = [("token_embd.weight", (32, 8), 2, q4(8)), ("output_norm.weight", (32,), 0, ones(32)),
                   *((f"blk.0.{name}.weight", shape, kind, raw) for name, shape, kind, raw in layer)]
        save("model", arch, gguf(kvs, tensors))


def store_seeds():
    """Damages: which column (see store.cpp), which row, how many bytes, the bytes."""
    def damage(*changes):
        return b"".join(bytes([what, row, len(raw)]) + raw for what, row, raw in changes)
    whole = lambda n: struct.pack("<q", n)
    save("store", "none", b"")
    save("store", "texts", damage((1, 0, b"a\0b\xff"), (12, 2, b"\xed\xa0\x80"), (20, 1, b""), (21, 3, b"\xff" * 40)))
    save("store", "ids", damage((0, 0, b"short"), (5, 1, bytes(16)), (7, 2, bytes(16)), (4, 0, bytes(15)), (17, 1, b"")))
    save("store", "numbers", damage((2, 0, whole(-1)), (10, 1, whole(2**63 - 1)), (13, 2, whole(-2**63)),
                                    (15, 2, struct.pack("<d", float("nan"))), (18, 1, whole(2**40)), (23, 1, whole(-5))))
    save("store", "words", damage((8, 1, b"king"), (9, 2, b"streaming"), (19, 1, b"poem"), (33, 0, b"galaxy")))
    save("store", "json", damage((16, 2, b"{"), (22, 1, b"[" * 200), (30, 0, b"null"), (36, 0, b"1e999"),
                                 (38, 0, b'{"version":"x"}')))
    save("store", "drafts", damage((24, 0, b"\xf0\x9f"), (26, 0, whole(1)), (11, 1, whole(5)), (3, 0, whole(5))))
    save("store", "schema", damage((39, 0, whole(0)), (40, 1, whole(2**31))))
    save("store", "file", damage((255, 0, b"\x09\x00\x7f"), (255, 0, b"\x00\x10\xff"), (255, 0, b"\x40\x00\x00")))


def transcript_seeds():
    uuid = lambda n: f"018f0000-0000-7000-8000-{n:012x}"

    def message(n, parent, **more):
        return {"id": uuid(n), "parent": parent and uuid(parent), "role": "assistant" if parent else "user",
                "state": "complete", "created_at": n, "parts": [{"kind": "text", "mime": "text/plain", "text": "a"}], **more}

    def conversation(n, messages, **more):
        return {"id": uuid(n), "title": "T", "created_at": 1, "updated_at": 2, "current": messages[-1]["id"] if messages
                else None, "messages": messages, **more}

    def file(name, *conversations):
        whole = {"schema": "lemma.conversations/1", "conversations": list(conversations)}
        save("transcripts", name, json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode())

    file("empty")
    file("bare", conversation(1, []))
    file("branches", conversation(1, [message(2, None), message(3, 2), message(4, 2), message(5, 4), message(6, None)]),
         conversation(7, [message(8, None)]))
    part = {"kind": "think", "mime": "text/markdown", "text": "\u00e9 \U0001f9e0\0", "details": {"a": [1, 2.5, None]},
            "tokens": 3, "started_at": 4, "ended_at": 5}
    stats = {"prompt_tokens": 1, "seed": 2**64 - 1, "ttft_ms": 0.25, "gen_tps": 1e3}
    file("everything", conversation(1, [message(2, None, finished_at=9, stop_reason="end", stats=stats, parts=[part],
                                               made_with="{ \"b\": 1e3 }")],
                                    title_by_person=True, settings={"temperature": 0.5, "think": "high", "seed": -1}))


if __name__ == "__main__":
    transcript_seeds()
    gguf_seeds()
    safetensors_seeds()
    tokenizer_seeds()
    tokenizer_json_seeds()
    round_trip_seeds()
    conversation_seeds()
    config_json_seeds()
    model_seeds()
    store_seeds()
