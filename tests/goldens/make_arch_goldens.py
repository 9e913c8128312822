#!/usr/bin/env python3
"""Writes tests/goldens/models/NAME/{golden.json,logits.npy}: small random models and what transformers computes of them.

A model is a list of tensors under GGUF's names, whose numbers come from a counter hashed by splitmix64, so that a test
makes the very same file without storing its weights (tests/model/counted_model.h). transformers runs it in float32 with
eager attention. golden.json: metadata, tensors, prompts (ids, positions of the rows in logits.npy, the context to load
the model with), greedy tokens, and `mutations`: by how much a wrong feature would change those logits at most.
Needs torch, transformers, numpy and gguf. Usage: make_arch_goldens.py [--gguf FOLDER] [NAME ...]
--gguf also writes the models as GGUF files, with gguf's own writer, for other programs to read.
"""
import argparse
import json
import math
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers

OUT = Path(__file__).resolve().parent / "models"
VOCABULARY = 512
POSITIONS = {
    "short": [0, 3, 6],
    "mid40": [8, 15, 23, 31, 39],
    "long200": [12, 24, 25, 48, 63, 64, 65, 100, 127, 128, 150, 180, 191, 199],
}
LENGTHS = {"short": 7, "mid40": 40, "long200": 200}
CLEAR = 0.1  # least that a wrong feature must change: 50 times what the tests allow


def counter(seed, count):
    """`count` hashes of 64 bits."""
    with np.errstate(over="ignore"):
        z = (np.uint64(seed << 32) + np.arange(count, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class Tensors:
    """Tensors by GGUF's names; `ne` is GGUF's order, {in, out} for a matrix."""

    def __init__(self):
        self.listed, self.values, self.stored = [], {}, {}

    def add(self, name, ne, scale, offset=0.0):
        seed = len(self.listed) + 1
        z = counter(seed, math.prod(ne))
        x = ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) * np.float32(2.0**-23)
        x = x * np.float32(scale) + np.float32(offset)
        self.values[name] = self.stored[name] = x.reshape(ne[::-1])
        self.listed.append({"name": name, "type": "F32", "ne": ne, "seed": seed, "scale": scale, "offset": offset})

    def norm(self, name, size):
        self.add(name, [size], 0.3, 1.0)


class Spec:
    """One architecture: its name in GGUF, metadata, tensors, and how transformers is told of them."""

    contexts = {"short": 256, "mid40": 256, "long200": 256}

    def __init__(self):
        self.tensors = Tensors()
        self.metadata = {}

    def keys(self, **values):
        for key, value in values.items():
            self.metadata[f"{self.arch}.{key.replace('__', '.')}"] = value

    def attention(self, b, d, heads, kv, head, scale=0.3, bias=0.0):
        for name, width in (("q", heads * head), ("k", kv * head), ("v", kv * head)):
            self.tensors.add(f"{b}attn_{name}.weight", [d, width], scale)
            if bias:
                self.tensors.add(f"{b}attn_{name}.bias", [width], bias)
        self.tensors.add(f"{b}attn_output.weight", [heads * head, d], 0.3)

    def ffn(self, b, d, hidden):
        for name in ("gate", "up"):
            self.tensors.add(f"{b}ffn_{name}.weight", [d, hidden], 0.3)
        self.tensors.add(f"{b}ffn_down.weight", [hidden, d], 0.25)

    def state(self):
        """transformers' parameters from ours."""
        return {hf: torch.from_numpy(np.ascontiguousarray(value)) for name, tensor in self.tensors.values.items()
                for hf, value in self.parameter(name, tensor)}

    def model(self, config=None, state=None):
        config = config or self.config()
        config._attn_implementation = "eager"
        model = self.model_class(config).float().eval()
        missing, unexpected = model.load_state_dict(state or self.state(), strict=False)
        missing = [m for m in missing if m != "lm_head.weight" or not config.tie_word_embeddings]
        assert not missing and not unexpected, (missing, unexpected)
        return model


COMMON = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
          "output.weight": "lm_head.weight"}
LAYER = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
         "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def renamed(name, layer):
    if name in COMMON:
        return COMMON[name]
    _, index, rest = name.split(".", 2)
    stem, suffix = rest.rsplit(".", 1)
    return f"model.layers.{index}.{layer[stem]}.{suffix}"


class Phi3(Spec):
    arch, model_class = "phi3", transformers.Phi3ForCausalLM
    contexts = {"short": 64, "mid40": 64, "long200": 256}
    d, layers, heads, kv, hidden, window, original = 64, 3, 4, 2, 88, 24, 64

    def __init__(self):
        super().__init__()
        head, t = self.d // self.heads, self.tensors
        self.keys(block_count=self.layers, context_length=256, embedding_length=self.d, feed_forward_length=self.hidden,
                  attention__head_count=self.heads, attention__head_count_kv=self.kv, rope__dimension_count=head * 3 // 4,
                  attention__layer_norm_rms_epsilon=1e-5, rope__freq_base=10000.0,
                  attention__sliding_window=self.window, rope__scaling__original_context_length=self.original,
                  rope__scaling__attn_factor=math.sqrt(1 + math.log(256 / self.original) / math.log(self.original)))
        t.add("token_embd.weight", [self.d, VOCABULARY], 1.0)
        t.norm("output_norm.weight", self.d)
        t.add("output.weight", [self.d, VOCABULARY], 0.6)
        t.add("rope_factors_long.weight", [head * 3 // 8], 2.0, 4.0)
        t.add("rope_factors_short.weight", [head * 3 // 8], 0.3, 1.3)
        for i in range(self.layers):
            b = f"blk.{i}."
            t.norm(f"{b}attn_norm.weight", self.d)
            t.norm(f"{b}ffn_norm.weight", self.d)
            t.add(f"{b}attn_qkv.weight", [self.d, (self.heads + 2 * self.kv) * head], 0.4)
            t.add(f"{b}attn_output.weight", [self.d, self.d], 0.3)
            t.add(f"{b}ffn_up.weight", [self.d, 2 * self.hidden], 0.3)
            t.add(f"{b}ffn_down.weight", [self.hidden, self.d], 0.25)

    def parameter(self, name, tensor):
        if name.startswith("rope_factors"):
            return []
        layer = {**LAYER, "attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"}
        return [(renamed(name, layer), tensor)]

    def config(self, window=window, **scaling):
        factors = {k: self.tensors.values[f"rope_factors_{k}.weight"].astype(float).tolist() for k in ("long", "short")}
        scaling = {"type": "longrope", "long_factor": factors["long"], "short_factor": factors["short"], **scaling}
        return transformers.Phi3Config(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=self.hidden, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, max_position_embeddings=256,
            original_max_position_embeddings=self.original, rope_scaling=scaling, partial_rotary_factor=0.75,
            sliding_window=window, rms_norm_eps=1e-5, pad_token_id=0, tie_word_embeddings=False)

    def mutations(self):
        yield "no_window", self.model(self.config(window=None))
        model = self.model()
        model.model.rotary_emb.attention_scaling = 1.0
        yield "no_attention_factor", model
        short = self.tensors.values["rope_factors_short.weight"].astype(float).tolist()
        yield "short_factors_only", self.model(self.config(long_factor=short))
        swapped = {k: torch.cat(v.chunk(2)[::-1]) if "gate_up" in k else v for k, v in self.state().items()}
        yield "gate_and_up_swapped", self.model(state=swapped)


class Gemma3(Spec):
    arch, model_class = "gemma3", transformers.Gemma3ForCausalLM
    d, layers, heads, kv, head, hidden, window = 48, 7, 4, 2, 16, 80, 24

    def __init__(self):
        super().__init__()
        t = self.tensors
        self.keys(block_count=self.layers, context_length=256, embedding_length=self.d, feed_forward_length=self.hidden,
                  attention__head_count=self.heads, attention__head_count_kv=self.kv, attention__key_length=self.head,
                  attention__value_length=self.head, attention__layer_norm_rms_epsilon=1e-6, rope__freq_base=50000.0,
                  rope__scaling__type="linear", rope__scaling__factor=4.0, attention__sliding_window=self.window)
        t.add("token_embd.weight", [self.d, VOCABULARY], 0.5)
        t.norm("output_norm.weight", self.d)
        for i in range(self.layers):
            b = f"blk.{i}."
            for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
                t.norm(f"{b}{name}.weight", self.d)
            self.attention(b, self.d, self.heads, self.kv, self.head)
            for name in ("attn_q_norm", "attn_k_norm"):
                t.add(f"{b}{name}.weight", [self.head], 0.5, 1.5)
            self.ffn(b, self.d, self.hidden)

    def parameter(self, name, tensor):
        layer = {**LAYER, "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
                 "post_ffw_norm": "post_feedforward_layernorm"}
        return [(renamed(name, layer), tensor - 1 if "norm" in name else tensor)]

    def config(self, **changes):
        values = dict(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=self.hidden, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, head_dim=self.head, query_pre_attn_scalar=self.head,
            sliding_window=self.window, rope_theta=50000.0, rope_local_base_freq=10000.0,
            rope_scaling={"rope_type": "linear", "factor": 4.0}, max_position_embeddings=256, rms_norm_eps=1e-6,
            hidden_activation="gelu_pytorch_tanh", pad_token_id=0, tie_word_embeddings=True)
        return transformers.Gemma3TextConfig(**{**values, **changes})

    def mutations(self):
        yield "no_window", self.model(self.config(sliding_window=4096))
        yield "silu", self.model(self.config(hidden_activation="silu"))
        yield "no_linear_scaling", self.model(self.config(rope_scaling=None))
        yield "one_rope_base", self.model(self.config(rope_local_base_freq=50000.0))
        yield "window_in_every_layer", self.model(self.config(layer_types=["sliding_attention"] * self.layers))
        model = self.model()
        model.model.embed_tokens.embed_scale.fill_(1)
        yield "no_embedding_scale", model
        for name in ("post_attention_layernorm", "post_feedforward_layernorm"):
            model = self.model()
            for layer in model.model.layers:
                setattr(layer, name, torch.nn.Identity())
            yield f"no_{name}", model


SPECS = {"phi3": Phi3, "gemma3": Gemma3}


def prompts():
    return {name: [int(x) for x in counter(1000 + i, LENGTHS[name]) % np.uint64(VOCABULARY)]
            for i, name in enumerate(LENGTHS)}


@torch.no_grad()
def rows(model, ids):
    """The logits that golden.json keeps, one row after another."""
    return np.concatenate([model(torch.tensor([ids[p]])).logits[0].numpy()[POSITIONS[p]] for p in ids])


@torch.no_grad()
def greedy(model, ids, count):
    out, margins = [], []
    for _ in range(count):
        best = torch.topk(model(torch.tensor([ids + out])).logits[0, -1], 2)
        out.append(int(best.indices[0]))
        margins.append(float(best.values[0] - best.values[1]))
    return out, min(margins)


def write_gguf(spec, path):
    w = gguf.GGUFWriter(path, spec.arch)
    for key, value in spec.metadata.items():
        {int: w.add_uint32, float: w.add_float32, str: w.add_string, bool: w.add_bool}[type(value)](key, value)
    w.add_uint32(f"{spec.arch}.vocab_size", VOCABULARY)
    w.add_string("tokenizer.ggml.model", "none")
    for t in spec.tensors.listed:
        kind = gguf.GGMLQuantizationType[t["type"]]
        w.add_tensor(t["name"], spec.tensors.stored[t["name"]], raw_dtype=None if t["type"] == "F32" else kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def make(name, folder):
    spec, ids = SPECS[name](), prompts()
    model = spec.model()
    logits = rows(model, ids)
    tokens, margin = greedy(model, ids["short"], 24)
    changes = {m: float(np.abs(rows(other, ids) - logits).max()) for m, other in spec.mutations()}
    assert margin > 0.02, margin
    assert min(changes.values()) > CLEAR, changes
    golden = {
        "architecture": spec.arch,
        "reference": f"transformers {transformers.__version__}, torch {torch.__version__}, eager, float32, CPU",
        "metadata": spec.metadata,
        "tensors": spec.tensors.listed,
        "prompts": {p: {"ids": ids[p], "positions": POSITIONS[p], "context": spec.contexts[p]} for p in ids},
        "greedy_from_short": {"ids": tokens, "min_top2_margin": round(margin, 4)},
        "logits_std": round(float(logits.std()), 3),
        "mutations": {m: round(c, 4) for m, c in changes.items()},
    }
    out = OUT / name
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(golden, indent=1)
    (out / "golden.json").write_text(compact(text) + "\n")
    np.save(out / "logits.npy", logits.astype(np.float32))
    print(name, "std", golden["logits_std"], "margin", golden["greedy_from_short"]["min_top2_margin"], changes)
    if folder:
        write_gguf(spec, folder / f"{name}.gguf")


def compact(text):
    """One tensor or list of numbers a line."""
    import re
    return re.sub(r"[\[{][^\[\]{}]*(\[[^\[\]{}]*\][^\[\]{}]*)?[\]}]", lambda m: re.sub(r"\s+", " ", m.group()), text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, help="folder for GGUF files of the same models")
    parser.add_argument("names", nargs="*", default=list(SPECS))
    args = parser.parse_args()
    if args.gguf:
        args.gguf.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        make(name, args.gguf)


if __name__ == "__main__":
    main()
