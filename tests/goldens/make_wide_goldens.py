#!/usr/bin/env python3
"""Writes tests/goldens/models/{qwen2-bf16,deepseek3-fp8}/{golden.json,logits.npy,logits_rounded.npy}: models whose matrices
have 512 inputs and more, in the types of published checkpoints.

Made as in make_arch_goldens.py, from counters that a test hashes too (tests/model/counted_model.h): BF16, and DeepSeek-V3's
shape in F8_E4M3 with a factor for each block of 128 x 128. No width is a multiple of 128, so the blocks at both ends are cut off.
logits.npy: transformers in float32 over the decoded weights, eager. logits_rounded.npy: the same with what goes into each
matrix of 512 inputs or more rounded to BF16, as a processor with such products takes prompts; what BF16 holds exactly is
multiplied exactly and summed in float32. `rounding`: how far apart the two are. DeepSeek's router must not choose by a hair
on these prompts, or rounding could choose other experts: a token where a margin is below CLOSE is replaced by another.
Needs torch, transformers, numpy and gguf. Usage: make_wide_goldens.py [NAME ...]
"""
import argparse
import json

import numpy as np
import torch
import transformers

from make_arch_goldens import CLEAR, LAYER, OUT, VOCABULARY, Spec, compact, counter, greedy, prompts, renamed

POSITIONS = {"short": range(7), "mid40": range(1, 40, 2), "long200": range(3, 200, 4)}
LEAST_INPUTS = 512
CLOSE = 0.01  # of scores between 0 and 1, which rounding moves by less than a tenth of that
BLOCK = 128
FACTORS = 1 << 16  # added to a tensor's seed


def floats(seed, count, scale, offset=0.0):
    x = ((counter(seed, count) >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) * np.float32(2.0**-23)
    return x * np.float32(scale) + np.float32(offset)


def eights(seed, count):
    """Bytes of F8_E4M3, evenly spread over its range: the exponent is that of 15 random bits."""
    z = counter(seed, count)
    exponent = np.frexp(((z >> np.uint64(49)).astype(np.float64)))[1].astype(np.uint64)
    code = exponent << np.uint64(3) | z & np.uint64(7)
    code -= code == 127  # which is no number
    return (code | (z >> np.uint64(8) & np.uint64(1)) << np.uint64(7)).astype(np.uint8)


class Wide(Spec):
    def put(self, name, ne, kind, scale, offset=0.0):
        t = self.tensors
        seed = len(t.listed) + 1
        count = int(np.prod(ne))
        if kind == "F8_E4M3":
            x = torch.from_numpy(eights(seed, count)).view(torch.float8_e4m3fn).float().reshape(ne[1], ne[0])
            blocks = [-(-n // BLOCK) for n in ne]
            factors = torch.from_numpy(floats(seed + FACTORS, blocks[0] * blocks[1], scale / 2, scale)).reshape(blocks[::-1])
            x = x * factors.repeat_interleave(BLOCK, 0)[:ne[1]].repeat_interleave(BLOCK, 1)[:, :ne[0]]
        else:
            x = torch.from_numpy(floats(seed, count, scale, offset)).reshape(ne[::-1])
            x = x.bfloat16().float() if kind == "BF16" else x
        t.values[name] = x.numpy()
        t.listed.append({"name": name, "type": kind, "ne": ne, "seed": seed, "scale": scale, "offset": offset})

    def matrix(self, name, ne, gain, kind="BF16"):
        """`gain`: of the output's size to the input's."""
        scale = gain * (3 / ne[0]) ** 0.5
        self.put(name + ".weight", ne, kind, round(scale / 448 if kind == "F8_E4M3" else scale, 7))

    def bfloats(self, name, size, scale, offset):
        self.put(name, [size], "BF16", scale, offset)

    def wide_ends(self, d):
        self.matrix("token_embd", [d, VOCABULARY], d ** 0.5 * 0.6)
        self.bfloats("output_norm.weight", d, 0.3, 1.0)
        self.matrix("output", [d, VOCABULARY], 2.7)


class Qwen2(Wide):
    arch, model_class = "qwen2", transformers.Qwen2ForCausalLM
    d, layers, heads, kv, hidden = 544, 2, 4, 2, 600

    def __init__(self):
        super().__init__()
        head = self.d // self.heads
        self.keys(block_count=self.layers, context_length=256, embedding_length=self.d, feed_forward_length=self.hidden,
                  attention__head_count=self.heads, attention__head_count_kv=self.kv,
                  attention__layer_norm_rms_epsilon=1e-6, rope__freq_base=10000.0)
        self.wide_ends(self.d)
        for i in range(self.layers):
            b = f"blk.{i}."
            for name in ("attn_norm", "ffn_norm"):
                self.bfloats(f"{b}{name}.weight", self.d, 0.3, 1.0)
            for name, width, gain in (("q", self.heads * head, 1.2), ("k", self.kv * head, 1.2), ("v", self.kv * head, 1.0)):
                self.matrix(f"{b}attn_{name}", [self.d, width], gain)
                self.bfloats(f"{b}attn_{name}.bias", width, 0.5, 0.0)
            self.matrix(f"{b}attn_output", [self.heads * head, self.d], 1.0)
            self.matrix(f"{b}ffn_gate", [self.d, self.hidden], 1.4)
            self.matrix(f"{b}ffn_up", [self.d, self.hidden], 1.4)
            self.matrix(f"{b}ffn_down", [self.hidden, self.d], 0.8)

    def parameter(self, name, tensor):
        return [(renamed(name, LAYER), tensor)]

    def config(self):
        return transformers.Qwen2Config(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=self.hidden, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, max_position_embeddings=256, rms_norm_eps=1e-6,
            rope_theta=10000.0, tie_word_embeddings=False)

    def margins(self, model, ids):
        return torch.ones(len(ids))

    def mutations(self):
        for name, word in (("no_biases", "proj.bias"), ("norms_without_weights", "norm.weight")):
            yield name, self.model(state={k: v * 0 + (word != "proj.bias") if word in k else v for k, v in self.state().items()})


class DeepSeek(Wide):
    arch, model_class = "deepseek2", transformers.DeepseekV3ForCausalLM
    d, layers, heads, q_rank, rank, rope, nope, v = 544, 2, 4, 528, 512, 32, 64, 128
    count, used, groups, kept, hidden, dense = 8, 2, 4, 2, 560, 600

    def __init__(self):
        super().__init__()
        self.wide_ends(self.d)
        for i in range(self.layers):
            b = f"blk.{i}."
            for name, size in (("attn_norm", self.d), ("ffn_norm", self.d), ("attn_q_a_norm", self.q_rank),
                               ("attn_kv_a_norm", self.rank)):
                self.bfloats(f"{b}{name}.weight", size, 0.3, 1.0)
            for name, ne, gain in (("attn_q_a", [self.d, self.q_rank], 1.0),
                                   ("attn_q_b", [self.q_rank, self.heads * (self.nope + self.rope)], 1.2),
                                   ("attn_kv_a_mqa", [self.d, self.rank + self.rope], 1.0),
                                   ("attn_kv_b", [self.rank, self.heads * (self.nope + self.v)], 1.2),
                                   ("attn_output", [self.heads * self.v, self.d], 1.0)):
                self.matrix(b + name, ne, gain, "F8_E4M3")
            if i == 0:
                self.gated(b + "ffn_{}", self.dense)
                continue
            self.matrix(f"{b}ffn_gate_inp", [self.d, self.count], 1.5)
            self.put(f"{b}exp_probs_b.bias", [self.count], "F32", 0.1, 0.5)
            for e in range(self.count):
                self.gated(b + "ffn_{}_exps." + str(e), self.hidden)
            self.gated(b + "ffn_{}_shexp", self.hidden)

    def gated(self, name, hidden):
        for part, ne, gain in (("gate", [self.d, hidden], 1.4), ("up", [self.d, hidden], 1.4), ("down", [hidden, self.d], 0.6)):
            self.matrix(name.format(part), ne, gain, "F8_E4M3")

    def parameter(self, name, tensor):
        if "exp_probs_b" in name:
            return [(f"model.layers.{name.split('.')[1]}.mlp.gate.e_score_correction_bias", tensor)]
        if "_exps." in name:
            _, index, stem, expert, _ = name.split(".")
            return [(f"model.layers.{index}.mlp.experts.{expert}.{stem.split('_')[1]}_proj.weight", tensor)]
        layer = {**LAYER, "attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm",
                 "attn_q_b": "self_attn.q_b_proj", "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
                 "attn_kv_a_norm": "self_attn.kv_a_layernorm", "attn_kv_b": "self_attn.kv_b_proj", "ffn_gate_inp": "mlp.gate",
                 **{f"ffn_{k}_shexp": f"mlp.shared_experts.{k}_proj" for k in ("gate", "up", "down")}}
        return [(renamed(name, layer), tensor)]

    def config(self):
        config = transformers.DeepseekV3Config(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=self.dense, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.heads, q_lora_rank=self.q_rank,
            kv_lora_rank=self.rank, qk_rope_head_dim=self.rope, qk_nope_head_dim=self.nope, v_head_dim=self.v,
            n_routed_experts=self.count, num_experts_per_tok=self.used, n_group=self.groups, topk_group=self.kept,
            moe_intermediate_size=self.hidden, n_shared_experts=1, routed_scaling_factor=2.5, norm_topk_prob=True,
            first_k_dense_replace=1, max_position_embeddings=256, rms_norm_eps=1e-6, rope_theta=10000.0,
            tie_word_embeddings=False, num_nextn_predict_layers=0)
        config.quantization_config = {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                                      "weight_block_size": [BLOCK, BLOCK]}
        return config

    @torch.no_grad()
    def margins(self, model, ids):
        """Of each token the least margin of any choice of groups and of experts."""
        least = torch.ones(len(ids))

        def look(gate, args):
            x = torch.nn.functional.linear(args[0].view(-1, self.d), gate.weight).sigmoid() + gate.e_score_correction_bias
            inside = self.count // self.groups
            groups = x.view(-1, self.groups, inside).topk(2, -1).values.sum(-1)
            best = groups.topk(self.kept + 1, -1)
            kept = torch.zeros_like(groups).scatter_(1, best.indices[:, :self.kept], 1).repeat_interleave(inside, 1)
            chosen = x.masked_fill(kept == 0, -1).topk(self.used + 1, -1).values
            for values in (best.values, chosen):
                least.copy_(torch.minimum(least, values[:, -2] - values[:, -1]))

        hooks = [layer.mlp.gate.register_forward_pre_hook(look) for layer in model.model.layers[1:]]
        model(torch.tensor([ids]))
        for hook in hooks:
            hook.remove()
        return least

    def mutations(self):
        for name, word, change in (
                ("no_shared", "shared_experts.down_proj", lambda v: v * 0),
                ("no_bias_on_the_choice", "e_score", lambda v: v * 0),
                ("blocks_moved_by_one_output", "proj.weight", lambda v: v.roll(1, 0)),
                ("last_inputs_left_out", "proj.weight", lambda v: v.index_fill(1, torch.arange(512, v.shape[1]), 0))):
            yield name, self.model(state={k: change(v) if word in k else v for k, v in self.state().items()})


@torch.no_grad()
def rows(model, ids):
    return np.concatenate([model(torch.tensor([ids[p]])).logits[0].numpy()[POSITIONS[p]] for p in ids])


def rounding(model):
    """The model with what goes into wide matrices rounded to BF16; keys and values come from latents in float32."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module.in_features >= LEAST_INPUTS and not name.endswith("kv_b_proj"):
            module.register_forward_pre_hook(lambda _, args: (args[0].bfloat16().float(),))
    return model


def divergence(p, q):
    p, q = (x.astype(np.float64) - np.log(np.exp(x.astype(np.float64)).sum(1, keepdims=True)) for x in (p, q))
    return (np.exp(p) * (p - q)).sum(1)


def clear_prompts(spec, model):
    """The prompts of the other models, but for the tokens that are too close; and the least margin left."""
    ids, others, least = prompts(), iter(counter(2000, 10000) % np.uint64(VOCABULARY)), 1.0
    for p in ids.values():
        while (close := spec.margins(model, p) < CLOSE).any():  # nothing before a token depends on it
            p[int(close.int().argmax())] = int(next(others))
        least = min(least, float(spec.margins(model, p).min()))
    return ids, least


def make(name, spec):
    model = spec.model()
    ids, margin = clear_prompts(spec, model)
    logits, rounded = rows(model, ids), rows(rounding(spec.model()), ids)
    tokens, top2 = greedy(model, ids["short"], 24)
    changes = {m: float(np.abs(rows(other, ids) - logits).max()) for m, other in spec.mutations()}
    assert min(changes.values()) > CLEAR, changes
    kl = divergence(logits, rounded)
    golden = {
        "architecture": spec.arch,
        "reference": f"transformers {transformers.__version__}, torch {torch.__version__}, eager, float32, CPU",
        "metadata": spec.metadata,
        **spec.name_for_folder(),
        "tensors": spec.tensors.listed,
        "prompts": {p: {"ids": ids[p], "positions": list(POSITIONS[p]), "context": 256} for p in ids},
        "greedy_from_short": {"ids": tokens, "min_top2_margin": round(top2, 4)},
        "logits_std": round(float(logits.std()), 3),
        "router_margin": round(margin, 4),
        "rounding": {"largest_difference": round(float(np.abs(logits - rounded).max()), 4), "mean_kl": float(f"{kl.mean():.3g}"),
                     "largest_kl": float(f"{kl.max():.3g}")},
        "mutations": {m: round(c, 4) for m, c in changes.items()},
    }
    out = OUT / name
    out.mkdir(parents=True, exist_ok=True)
    (out / "golden.json").write_text(compact(json.dumps(golden, indent=1)) + "\n")
    np.save(out / "logits.npy", logits.astype(np.float32))
    np.save(out / "logits_rounded.npy", rounded.astype(np.float32))
    print(name, {k: golden[k] for k in ("logits_std", "router_margin", "rounding", "mutations")}, top2)


SPECS = {"qwen2-bf16": Qwen2, "deepseek3-fp8": DeepSeek}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SPECS))
    for name in parser.parse_args().names:
        make(name, SPECS[name]())


if __name__ == "__main__":
    main()
