#!/usr/bin/env python3
"""Writes tests/goldens/models/NAME/{golden.json,logits.npy}: small random models and what transformers computes of them.

A model is a list of tensors under GGUF's names, whose numbers come from a counter hashed by splitmix64, so that a test
makes the very same file without storing its weights (tests/model/counted_model.h). transformers runs it in float32 with
eager attention. golden.json: metadata, tensors, prompts (ids, positions of the rows in logits.npy, the context to load
the model with), greedy tokens, config.json and names of the same model as a folder of transformers (`experts_crc32`: checks of what
gpt-oss's experts are there; `multimodal`: gemma3 inside a model that also sees), and `mutations`: by how much a wrong feature would change those logits at most.
Needs torch, transformers, numpy and gguf. Usage: make_arch_goldens.py [--gguf FOLDER] [NAME ...]
--gguf also writes the models as GGUF files, with gguf's own writer, for other programs to read.
"""
import argparse
import json
import math
import tempfile
import zlib
from pathlib import Path

import gguf
import numpy as np
import safetensors
import torch
import transformers
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

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

    def mxfp4(self, name, ne, exponent):
        """Random blocks: a scale of 2^exponent or twice that, then 32 values of 4 bits."""
        seed = len(self.listed) + 1
        z = counter(seed, math.prod(ne) // 32 * 17)
        data = (z >> np.uint64(56)).astype(np.uint8)
        data[::17] = 127 + exponent + (data[::17] >> 7)
        self.stored[name] = data.reshape(*ne[:0:-1], ne[0] // 32 * 17)
        self.values[name] = gguf.quants.dequantize(self.stored[name], gguf.GGMLQuantizationType.MXFP4)
        self.listed.append({"name": name, "type": "MXFP4", "ne": ne, "seed": seed, "exponent": exponent})

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

    def ffn(self, b, d, hidden, suffix="", experts=()):
        for name in ("gate", "up"):
            self.tensors.add(f"{b}ffn_{name}{suffix}.weight", [d, hidden, *experts], 0.3)
        self.tensors.add(f"{b}ffn_down{suffix}.weight", [hidden, d, *experts], 0.25)

    def begin(self, d):
        """What is not in a layer."""
        self.tensors.add("token_embd.weight", [d, VOCABULARY], 1.0)
        self.tensors.norm("output_norm.weight", d)
        self.tensors.add("output.weight", [d, VOCABULARY], 0.6)

    def as_llama_cpp(self):
        """The model as llama.cpp computes it, where that is not what transformers does."""
        return None

    def state(self):
        """transformers' parameters from ours."""
        return {hf: torch.from_numpy(np.ascontiguousarray(value)) for name, tensor in self.tensors.values.items()
                for hf, value in self.parameter(name, tensor)}

    def name_for_folder(self):
        """Names the tensors as a folder does, `*` being the number of an expert, and gives its config.json."""
        for t in self.tensors.listed:
            value = self.tensors.values[t["name"]]
            named = self.parameter(t["name"], value)
            if named:
                t["hf"] = named[0][0] if len(named) == 1 else named[0][0].replace("experts.0.", "experts.*.")
                if len(named) == 1 and not np.array_equal(named[0][1].ravel(), value.ravel()):
                    t["hf_less"] = 1
        return {"config": json.loads(self.config().to_json_string(use_diff=True))}

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


EXPERTS = {"ffn_gate_exps": "gate_proj", "ffn_up_exps": "up_proj", "ffn_down_exps": "down_proj"}


def experts(name, tensor):
    """One parameter an expert."""
    _, index, stem, _ = name.split(".")
    return [(f"model.layers.{index}.mlp.experts.{e}.{EXPERTS[stem]}.weight", x) for e, x in enumerate(tensor)]


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
        self.begin(self.d)
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

    def as_llama_cpp(self):
        return self.model(self.config(window=None))  # it leaves the window out

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

    def name_for_folder(self):
        """Beside it the same text model in one that also sees, which answers text with the same logits."""
        vision = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=28,
                      patch_size=14)
        config = transformers.Gemma3Config(text_config=self.config().to_dict(), vision_config=vision, mm_tokens_per_image=4)
        config._attn_implementation = "eager"
        model = transformers.Gemma3ForConditionalGeneration(config).float().eval()
        model.load_state_dict({k.replace("model.", "model.language_model.", 1): v for k, v in self.state().items()},
                              strict=False)
        assert np.abs(rows(model, prompts()) - rows(self.model(), prompts())).max() < 1e-5
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            config = json.loads(Path(folder, "config.json").read_text())
            with safetensors.safe_open(Path(folder, "model.safetensors"), "pt") as f:
                shapes = {k: f.get_slice(k).get_shape() for k in f.keys()}
        text = [k for k in shapes if "language_model" in k]
        return {**super().name_for_folder(), "multimodal": {
            "config": config, "text": sorted(text),
            "others": {k: shape for k, shape in shapes.items() if k not in text},
            "defaults": {k: v for k, v in transformers.Gemma3TextConfig().to_dict().items()
                         if isinstance(v, (int, float)) and k in config["text_config"]}}}

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


class Qwen2Moe(Spec):
    arch, model_class = "qwen2moe", transformers.Qwen2MoeForCausalLM
    d, layers, heads, kv, count, used, hidden, shared = 64, 2, 4, 2, 10, 4, 32, 80

    def __init__(self):
        super().__init__()
        t, head = self.tensors, self.d // self.heads
        self.keys(block_count=self.layers, context_length=256, embedding_length=self.d, feed_forward_length=96,
                  attention__head_count=self.heads, attention__head_count_kv=self.kv,
                  attention__layer_norm_rms_epsilon=1e-6, rope__freq_base=10000.0, expert_count=self.count,
                  expert_used_count=self.used, expert_feed_forward_length=self.hidden,
                  expert_shared_feed_forward_length=self.shared)
        self.begin(self.d)
        for i in range(self.layers):
            b = f"blk.{i}."
            t.norm(f"{b}attn_norm.weight", self.d)
            t.norm(f"{b}ffn_norm.weight", self.d)
            self.attention(b, self.d, self.heads, self.kv, head, bias=0.5)
            t.add(f"{b}ffn_gate_inp.weight", [self.d, self.count], 0.3)
            self.ffn(b, self.d, self.hidden, "_exps", [self.count])
            t.add(f"{b}ffn_gate_inp_shexp.weight", [self.d], 0.4)
            self.ffn(b, self.d, self.shared, "_shexp")

    def parameter(self, name, tensor):
        if "_exps" in name:
            return experts(name, tensor)
        layer = {**LAYER, "ffn_gate_inp": "mlp.gate", "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
                 **{f"ffn_{k}_shexp": f"mlp.shared_expert.{k}_proj" for k in ("gate", "up", "down")}}
        return [(renamed(name, layer), tensor[None] if "inp_shexp" in name else tensor)]

    def config(self, **changes):
        values = dict(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=96, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, max_position_embeddings=256, rms_norm_eps=1e-6,
            rope_theta=10000.0, moe_intermediate_size=self.hidden, shared_expert_intermediate_size=self.shared,
            num_experts=self.count, num_experts_per_tok=self.used, norm_topk_prob=False, tie_word_embeddings=False)
        return transformers.Qwen2MoeConfig(**{**values, **changes})

    def mutations(self):
        yield "weights_normalised", self.model(self.config(norm_topk_prob=True))
        yield "three_experts", self.model(self.config(num_experts_per_tok=3))
        for name, word in (("no_gate_of_the_shared", "shared_expert_gate"), ("no_shared", "shared_expert.down_proj"),
                           ("no_biases", "proj.bias")):
            yield name, self.model(state={k: v * 0 if word in k else v for k, v in self.state().items()})


class Qwen3Moe(Spec):
    arch, model_class = "qwen3moe", transformers.Qwen3MoeForCausalLM
    d, layers, heads, kv, head, count, used, hidden = 64, 2, 4, 2, 24, 10, 3, 32

    def __init__(self):
        super().__init__()
        t = self.tensors
        self.keys(block_count=self.layers, context_length=256, embedding_length=self.d, feed_forward_length=96,
                  attention__head_count=self.heads, attention__head_count_kv=self.kv, attention__key_length=self.head,
                  attention__value_length=self.head, attention__layer_norm_rms_epsilon=1e-6, rope__freq_base=10000.0,
                  expert_count=self.count, expert_used_count=self.used, expert_feed_forward_length=self.hidden)
        self.begin(self.d)
        for i in range(self.layers):
            b = f"blk.{i}."
            t.norm(f"{b}attn_norm.weight", self.d)
            t.norm(f"{b}ffn_norm.weight", self.d)
            self.attention(b, self.d, self.heads, self.kv, self.head)
            for name in ("attn_q_norm", "attn_k_norm"):
                t.add(f"{b}{name}.weight", [self.head], 0.5, 1.5)
            t.add(f"{b}ffn_gate_inp.weight", [self.d, self.count], 0.3)
            self.ffn(b, self.d, self.hidden, "_exps", [self.count])

    def parameter(self, name, tensor):
        if "_exps" in name:
            return experts(name, tensor)
        return [(renamed(name, {**LAYER, "ffn_gate_inp": "mlp.gate"}), tensor)]

    def config(self, **changes):
        values = dict(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=96, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, head_dim=self.head, max_position_embeddings=256,
            rms_norm_eps=1e-6, rope_theta=10000.0, moe_intermediate_size=self.hidden, num_experts=self.count,
            num_experts_per_tok=self.used, norm_topk_prob=True, tie_word_embeddings=False)
        return transformers.Qwen3MoeConfig(**{**values, **changes})

    def mutations(self):
        yield "not_normalised", self.model(self.config(norm_topk_prob=False))
        yield "two_experts", self.model(self.config(num_experts_per_tok=2))
        yield "other_rope_base", self.model(self.config(rope_theta=1000000.0))
        ones = {k: v * 0 + 1 if "q_norm" in k or "k_norm" in k else v for k, v in self.state().items()}
        yield "norms_of_heads_without_weights", self.model(state=ones)


class Glm4Moe(Spec):
    arch, model_class = "glm4moe", transformers.Glm4MoeForCausalLM
    d, layers, heads, kv, count, used, hidden, dense = 64, 3, 4, 2, 12, 3, 24, 72

    def __init__(self):
        super().__init__()
        t, head = self.tensors, self.d // self.heads
        self.keys(block_count=self.layers + 1, context_length=256, embedding_length=self.d,
                  feed_forward_length=self.dense, attention__head_count=self.heads, attention__head_count_kv=self.kv,
                  attention__layer_norm_rms_epsilon=1e-5, rope__freq_base=10000.0, rope__dimension_count=head // 2,
                  expert_count=self.count, expert_used_count=self.used, expert_feed_forward_length=self.hidden,
                  expert_shared_count=1, expert_weights_scale=1.5, expert_weights_norm=True, expert_gating_func=2,
                  leading_dense_block_count=1, nextn_predict_layers=1)
        self.begin(self.d)
        for i in range(self.layers + 1):
            b = f"blk.{i}."
            t.norm(f"{b}attn_norm.weight", self.d)
            t.norm(f"{b}post_attention_norm.weight", self.d)
            self.attention(b, self.d, self.heads, self.kv, head, bias=0.5)
            for name in ("attn_q_norm", "attn_k_norm"):
                t.add(f"{b}{name}.weight", [head], 0.5, 1.5)
            if i == 0:
                self.ffn(b, self.d, self.dense)
                continue
            t.add(f"{b}ffn_gate_inp.weight", [self.d, self.count], 0.3)
            t.add(f"{b}exp_probs_b.bias", [self.count], 0.4)
            self.ffn(b, self.d, self.hidden, "_exps", [self.count])
            self.ffn(b, self.d, self.hidden, "_shexp")
        b += "nextn."
        t.add(f"{b}eh_proj.weight", [2 * self.d, self.d], 0.3)
        for name in ("enorm", "hnorm", "shared_head_norm"):
            t.norm(f"{b}{name}.weight", self.d)

    def parameter(self, name, tensor):
        if name.startswith(f"blk.{self.layers}."):  # guesses the token after the next
            return []
        if "_exps" in name:
            return experts(name, tensor)
        if "exp_probs_b" in name:
            return [(f"model.layers.{name.split('.')[1]}.mlp.gate.e_score_correction_bias", tensor)]
        layer = {**LAYER, "post_attention_norm": "post_attention_layernorm", "ffn_gate_inp": "mlp.gate",
                 **{f"ffn_{k}_shexp": f"mlp.shared_experts.{k}_proj" for k in ("gate", "up", "down")}}
        return [(renamed(name, layer), tensor)]

    def config(self, **changes):
        values = dict(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=self.dense, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, partial_rotary_factor=0.5,
            max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0, attention_bias=True,
            moe_intermediate_size=self.hidden, num_experts_per_tok=self.used, n_shared_experts=1,
            n_routed_experts=self.count, routed_scaling_factor=1.5, first_k_dense_replace=1, norm_topk_prob=True,
            use_qk_norm=True, tie_word_embeddings=False)
        return transformers.Glm4MoeConfig(**{**values, **changes})

    def mutations(self):
        yield "no_scale", self.model(self.config(routed_scaling_factor=1.0))
        yield "not_normalised", self.model(self.config(norm_topk_prob=False))
        yield "whole_heads_rotated", self.model(self.config(partial_rotary_factor=1.0))
        no_norm = {k: v for k, v in self.state().items() if "q_norm" not in k and "k_norm" not in k}
        yield "no_norm_of_heads", self.model(self.config(use_qk_norm=False), no_norm)
        for name, word in (("no_bias_on_the_choice", "e_score"), ("no_shared", "shared_experts.down_proj"),
                           ("no_biases", "proj.bias")):
            yield name, self.model(state={k: v * 0 if word in k else v for k, v in self.state().items()})


class GptOss(Spec):
    arch, model_class = "gpt-oss", transformers.GptOssForCausalLM
    d, layers, heads, kv, head, count, used, hidden, window = 64, 3, 6, 2, 16, 8, 4, 96, 24
    mxfp4 = False

    def __init__(self):
        super().__init__()
        t = self.tensors
        self.keys(block_count=self.layers, context_length=4096, embedding_length=self.d, feed_forward_length=self.hidden,
                  attention__head_count=self.heads, attention__head_count_kv=self.kv, attention__key_length=self.head,
                  attention__value_length=self.head, attention__layer_norm_rms_epsilon=1e-5, rope__freq_base=150000.0,
                  rope__scaling__type="yarn", rope__scaling__factor=8.0, rope__scaling__original_context_length=512,
                  attention__sliding_window=self.window, expert_count=self.count, expert_used_count=self.used,
                  expert_feed_forward_length=self.hidden)
        self.begin(self.d)
        for i in range(self.layers):
            b = f"blk.{i}."
            t.norm(f"{b}attn_norm.weight", self.d)
            t.norm(f"{b}post_attention_norm.weight", self.d)
            self.attention(b, self.d, self.heads, self.kv, self.head, bias=0.5)
            t.add(f"{b}attn_output.bias", [self.d], 0.3)
            t.add(f"{b}attn_sinks.weight", [self.heads], 2.0, 1.0)
            t.add(f"{b}ffn_gate_inp.weight", [self.d, self.count], 0.3)
            t.add(f"{b}ffn_gate_inp.bias", [self.count], 1.0)
            for name, ne, scale, exponent in (("gate", [self.d, self.hidden], 1.0, -3), ("up", [self.d, self.hidden], 1.0, -3),
                                              ("down", [self.hidden, self.d], 0.1, -5)):
                if self.mxfp4:
                    t.mxfp4(f"{b}ffn_{name}_exps.weight", [*ne, self.count], exponent)
                else:
                    t.add(f"{b}ffn_{name}_exps.weight", [*ne, self.count], scale)
                t.add(f"{b}ffn_{name}_exps.bias", [ne[1], self.count], 1.0)

    def experts(self):
        """Gate and up lie in one parameter, in turns, and experts' matrices the other way round."""
        out = {}
        for i in range(self.layers):
            part = {k: self.tensors.values[f"blk.{i}.ffn_{k}_exps.weight"] for k in ("gate", "up", "down")}
            bias = {k: self.tensors.values[f"blk.{i}.ffn_{k}_exps.bias"] for k in part}
            both = np.stack([part["gate"], part["up"]], 2).reshape(self.count, 2 * self.hidden, self.d)
            prefix = f"model.layers.{i}.mlp.experts."
            out[prefix + "gate_up_proj"] = both.transpose(0, 2, 1)
            out[prefix + "gate_up_proj_bias"] = np.stack([bias["gate"], bias["up"]], 2).reshape(self.count, -1)
            out[prefix + "down_proj"] = part["down"].transpose(0, 2, 1)
            out[prefix + "down_proj_bias"] = bias["down"]
        return {k: np.ascontiguousarray(v) for k, v in out.items()}

    def packed(self):
        """The same as published folders have them, checked with transformers' own unpacking."""
        out = {}
        for name, value in self.experts().items():
            if not self.mxfp4 or name.endswith("_bias"):
                out[name] = value
                continue
            _, _, i, *_ = name.split(".")
            rows = {k: self.tensors.stored[f"blk.{i}.ffn_{k}_exps.weight"] for k in ("gate", "up", "down")}
            if name.endswith("gate_up_proj"):
                rows = np.stack([rows["gate"], rows["up"]], 2).reshape(self.count, 2 * self.hidden, -1, 17)
            else:
                rows = rows["down"].reshape(self.count, self.d, -1, 17)
            levels = np.concatenate([rows[..., 1:] & 15, rows[..., 1:] >> 4], -1)
            blocks, scales = levels[..., 0::2] | levels[..., 1::2] << 4, rows[..., 0]
            unpacked = convert_moe_packed_tensors(torch.from_numpy(blocks), torch.from_numpy(scales.copy()),
                                                  dtype=torch.float32)
            assert torch.equal(unpacked, torch.from_numpy(value))
            out[name + "_blocks"], out[name + "_scales"] = blocks, scales
        return out

    def state(self):
        return {**super().state(), **{k: torch.from_numpy(v) for k, v in self.experts().items()}}

    def parameter(self, name, tensor):
        if "_exps" in name:
            return []
        if "sinks" in name:
            return [(f"model.layers.{name.split('.')[1]}.self_attn.sinks", tensor)]
        layer = {**LAYER, "post_attention_norm": "post_attention_layernorm", "ffn_gate_inp": "mlp.router"}
        return [(renamed(name, layer), tensor)]

    def config(self, truncate=False, **changes):
        values = dict(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=self.hidden, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, head_dim=self.head, num_local_experts=self.count,
            num_experts_per_tok=self.used, sliding_window=self.window, rope_theta=150000.0, rms_norm_eps=1e-5,
            max_position_embeddings=4096, tie_word_embeddings=False,
            rope_scaling={"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": truncate,
                          "original_max_position_embeddings": 512})
        return transformers.GptOssConfig(**{**values, **changes})

    def as_llama_cpp(self):
        return self.model(self.config(truncate=True))  # it rounds YaRN's bounds for every architecture

    def mutations(self):
        yield "no_window", self.model(self.config(sliding_window=4096))
        yield "window_in_every_layer", self.model(self.config(layer_types=["sliding_attention"] * self.layers))
        yield "yarn_of_whole_bounds", self.model(self.config(truncate=True))
        yield "three_experts", self.model(self.config(num_experts_per_tok=3))
        for name, change in (("no_clamp", {"limit": 1e9}), ("plain_silu", {"alpha": 1.0})):
            model = self.model()
            for layer in model.model.layers:
                vars(layer.mlp.experts).update(change)
            yield name, model
        yield "no_sinks", self.model(state={k: v - 1e9 if "sinks" in k else v for k, v in self.state().items()})
        for name, word in (("no_bias_of_the_router", "router.bias"), ("no_biases_of_gate_and_up", "gate_up_proj_bias"),
                           ("no_biases_of_down", "down_proj_bias"), ("no_bias_behind_attention", "o_proj.bias")):
            yield name, self.model(state={k: v * 0 if word in k else v for k, v in self.state().items()})


    def name_for_folder(self):
        out = super().name_for_folder()
        if self.mxfp4:
            out["config"]["quantization_config"] = {
                "quant_method": "mxfp4",
                "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router",
                                           "model.embed_tokens", "lm_head"]}
        return {**out, "experts_crc32": {k: zlib.crc32(v.tobytes()) for k, v in self.packed().items()}}


class GptOssMxfp4(GptOss):
    mxfp4, count = True, 6


SPECS = {"phi3": Phi3, "gemma3": Gemma3, "qwen2moe": Qwen2Moe, "qwen3moe": Qwen3Moe, "glm4moe": Glm4Moe,
         "gpt-oss": GptOss, "gpt-oss-mxfp4": GptOssMxfp4}


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
        **spec.name_for_folder(),
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
        np.save(folder / f"{name}.npy", rows(spec.as_llama_cpp() or model, ids))


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
