#!/usr/bin/env python3
"""Writes tests/goldens/models/{deepseek2,glm4moe}-mtp/{golden.json,logits.npy}: what a layer for multi-token prediction
guesses.

Small random models of the shapes of DeepSeek V3 and GLM-4.5 with such a layer, made as in make_arch_goldens.py. transformers runs the
model and the decoder layer inside the module, in float32; it leaves the module out, so what is around that layer is
written here from what is published:
- DeepSeek-V3 report (arXiv 2412.19437), section 2.2: from the main model's representation of token i and the embedding
  of token i + 1, each normalised, concatenated and projected, one decoder layer and the output head guess token i + 2.
- Which half comes first, as the published weights want it, is said by SGLang (srt/models/deepseek_nextn.py) and vLLM
  (models/deepseek_mtp.py) alike: eh_proj(concat(enorm(embedding), hnorm(hidden))). The report writes the other order.
- The hidden state is the one behind the main model's final norm: both programs feed what the model gives to its head.
- GLM-4.5's module is the same around a layer of its own kind (vLLM, models/glm4_moe_mtp.py, and SGLang,
  srt/models/glm4_moe_nextn.py).
- vLLM also sets the embedding at position 0 to zero; neither the report nor SGLang does, and neither does this.
With --folder, a folder as DeepSeek's checkpoints are (FP8 with block scales) and NAME of the result: only positions and
logits are written, for a test that reads that folder.
Needs torch, transformers, safetensors, numpy and gguf. Usage: make_mtp_golden.py [NAME ...] [--folder FOLDER NAME]
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3DecoderLayer, DeepseekV3RMSNorm
from transformers.models.glm4_moe.modeling_glm4_moe import Glm4MoeDecoderLayer, Glm4MoeRMSNorm

from make_arch_goldens import CLEAR, LAYER, OUT, VOCABULARY, Glm4Moe, Spec, compact, experts, prompts, renamed

POSITIONS = {
    "short": [0, 3, 5],
    "mid40": [8, 15, 23, 31, 38],
    "long200": [12, 24, 48, 63, 64, 65, 100, 127, 128, 150, 180, 191, 198],
}
DECODER = {"attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm", "attn_q_b": "self_attn.q_b_proj",
           "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa", "attn_kv_a_norm": "self_attn.kv_a_layernorm",
           "ffn_gate_inp": "mlp.gate", **{f"ffn_{k}_shexp": f"mlp.shared_experts.{k}_proj" for k in ("gate", "up", "down")}}
MODULE = {"eh_proj": "eh_proj", "enorm": "enorm", "hnorm": "hnorm", "shared_head_norm": "shared_head.norm",
          "shared_head_head": "shared_head.head", "embed_tokens": "embed_tokens"}


class DeepSeek(Spec):
    arch, model_class = "deepseek2", transformers.DeepseekV3ForCausalLM
    layer_class, norm_class = DeepseekV3DecoderLayer, DeepseekV3RMSNorm
    d, layers, heads, q_rank, rank, rope, nope, v = 64, 2, 4, 48, 32, 16, 16, 16
    count, used, groups, kept, hidden, dense = 8, 2, 4, 2, 32, 96

    def __init__(self):
        super().__init__()
        t = self.tensors
        self.keys(block_count=self.layers + 1, context_length=256, embedding_length=self.d,
                  feed_forward_length=self.dense, attention__head_count=self.heads, attention__head_count_kv=1,
                  attention__layer_norm_rms_epsilon=1e-6, rope__freq_base=10000.0, rope__dimension_count=self.rope,
                  attention__q_lora_rank=self.q_rank, attention__kv_lora_rank=self.rank,
                  attention__key_length=self.rank + self.rope, attention__value_length=self.rank,
                  attention__key_length_mla=self.nope + self.rope, attention__value_length_mla=self.v,
                  expert_count=self.count, expert_used_count=self.used, expert_feed_forward_length=self.hidden,
                  expert_shared_count=1, expert_weights_scale=2.5, expert_weights_norm=True, expert_gating_func=2,
                  expert_group_count=self.groups, expert_group_used_count=self.kept, leading_dense_block_count=1,
                  nextn_predict_layers=1)
        self.begin(self.d)
        for i in range(self.layers + 1):
            b = f"blk.{i}."
            for name in ("attn_norm", "ffn_norm"):
                t.norm(f"{b}{name}.weight", self.d)
            t.add(f"{b}attn_q_a.weight", [self.d, self.q_rank], 0.3)
            t.norm(f"{b}attn_q_a_norm.weight", self.q_rank)
            t.add(f"{b}attn_q_b.weight", [self.q_rank, self.heads * (self.nope + self.rope)], 0.4)
            t.add(f"{b}attn_kv_a_mqa.weight", [self.d, self.rank + self.rope], 0.3)
            t.norm(f"{b}attn_kv_a_norm.weight", self.rank)
            t.add(f"{b}attn_k_b.weight", [self.nope, self.rank, self.heads], 0.4)
            t.add(f"{b}attn_v_b.weight", [self.rank, self.v, self.heads], 0.4)
            t.add(f"{b}attn_output.weight", [self.heads * self.v, self.d], 0.3)
            if i == 0:
                self.ffn(b, self.d, self.dense)
                continue
            t.add(f"{b}ffn_gate_inp.weight", [self.d, self.count], 0.3)
            t.add(f"{b}exp_probs_b.bias", [self.count], 0.4)
            self.ffn(b, self.d, self.hidden, "_exps", [self.count])
            self.ffn(b, self.d, self.hidden, "_shexp")
        b += "nextn."
        t.add(f"{b}eh_proj.weight", [2 * self.d, self.d], 0.2)
        for name in ("enorm", "hnorm", "shared_head_norm"):
            t.norm(f"{b}{name}.weight", self.d)
        t.add(f"{b}embed_tokens.weight", [self.d, VOCABULARY], 1.0)
        t.add(f"{b}shared_head_head.weight", [self.d, VOCABULARY], 0.6)

    def parameter(self, name, tensor):
        if "_exps" in name:
            return experts(name, tensor)
        index = name.split(".")[1]
        if "exp_probs_b" in name:
            return [(f"model.layers.{index}.mlp.gate.e_score_correction_bias", tensor)]
        if "attn_v_b" in name:
            return []
        if "attn_k_b" in name:
            values = self.tensors.values[name.replace("attn_k_b", "attn_v_b")]
            return [(f"model.layers.{index}.self_attn.kv_b_proj.weight",
                     np.concatenate([tensor.transpose(0, 2, 1), values], 1).reshape(-1, self.rank))]
        if ".nextn." in name:
            return [(f"model.layers.{index}.{MODULE[name.split('.')[3]]}.weight", tensor)]
        return [(renamed(name, {**LAYER, **DECODER}), tensor)]

    def name_for_folder(self):
        return {}  # keys and values are one matrix there; see --folder

    def config(self):
        return transformers.DeepseekV3Config(
            vocab_size=VOCABULARY, hidden_size=self.d, intermediate_size=self.dense, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.heads, q_lora_rank=self.q_rank,
            kv_lora_rank=self.rank, qk_rope_head_dim=self.rope, qk_nope_head_dim=self.nope, v_head_dim=self.v,
            n_routed_experts=self.count, num_experts_per_tok=self.used, n_group=self.groups, topk_group=self.kept,
            moe_intermediate_size=self.hidden, n_shared_experts=1, routed_scaling_factor=2.5, norm_topk_prob=True,
            first_k_dense_replace=1, max_position_embeddings=256, rms_norm_eps=1e-6, rope_theta=10000.0,
            tie_word_embeddings=False)


class Glm(Glm4Moe):
    layer_class, norm_class = Glm4MoeDecoderLayer, Glm4MoeRMSNorm

    def __init__(self):
        super().__init__()
        b = f"blk.{self.layers}.nextn."
        self.tensors.add(f"{b}embed_tokens.weight", [self.d, VOCABULARY], 1.0)
        self.tensors.add(f"{b}shared_head_head.weight", [self.d, VOCABULARY], 0.6)

    def parameter(self, name, tensor):
        if ".nextn." in name:
            return [(f"model.layers.{self.layers}.{MODULE[name.split('.')[3]]}.weight", tensor)]
        own = f"blk.{self.layers}."
        if not name.startswith(own):
            return super().parameter(name, tensor)
        named = super().parameter(name.replace(own, "blk.1."), tensor)  # a layer of the same kind
        return [(hf.replace("layers.1.", f"layers.{self.layers}."), x) for hf, x in named]

    def name_for_folder(self):
        out = super().name_for_folder()
        out["config"]["num_nextn_predict_layers"] = 1  # transformers does not know it
        return out


SPECS = {"deepseek2-mtp": DeepSeek, "glm4moe-mtp": Glm}


class Predictor:
    """The main model and the module behind it; `state` has both, under the names of checkpoints."""

    def __init__(self, kind, config, state):
        config._attn_implementation = "eager"
        own = f"model.layers.{config.num_hidden_layers}."
        self.module = {k[len(own):]: v for k, v in state.items() if k.startswith(own)}
        self.main = kind.model_class(config).float().eval()
        self.main.load_state_dict({k: v for k, v in state.items() if not k.startswith(own)})
        self.layer = kind.layer_class(config, config.num_hidden_layers).float().eval()
        outside = tuple(MODULE.values())
        self.layer.load_state_dict({k: v for k, v in self.module.items() if not k.startswith(outside)})
        self.eps, self.norm_class = config.rms_norm_eps, kind.norm_class

    def norm(self, x, weight):
        norm = self.norm_class(x.shape[-1], self.eps)
        norm.weight.data = weight
        return norm(x)

    @torch.no_grad()
    def logits(self, ids, mutation=None):
        """Row i: what is guessed for token i + 2."""
        m, body = self.module, self.main.model
        inputs = torch.tensor([ids])
        last = []
        hook = body.norm.register_forward_pre_hook(lambda _, args: last.append(args[0]))
        hidden = body(inputs, use_cache=False).last_hidden_state
        hook.remove()
        if mutation == "before_the_final_norm":
            hidden = last[0]
        hidden = hidden[:, :-1]
        table = self.main.model.embed_tokens.weight if mutation == "embeddings_of_the_model" else m["embed_tokens.weight"]
        embedding = table[inputs[:, :-1] if mutation == "same_token" else inputs[:, 1:]]
        embedding = embedding if mutation == "no_enorm" else self.norm(embedding, m["enorm.weight"])
        hidden = hidden if mutation == "no_hnorm" else self.norm(hidden, m["hnorm.weight"])
        halves = [hidden, embedding] if mutation == "halves_swapped" else [embedding, hidden]
        x = torch.cat(halves, -1) @ m["eh_proj.weight"].T
        n = x.shape[1]
        positions = torch.arange(n)[None]
        mask = torch.full((n, n), float("-inf")).triu(1)[None, None]
        if mutation == "no_attention_to_earlier":
            mask = torch.full((n, n), float("-inf")).fill_diagonal_(0)[None, None]
        x = self.layer(x, attention_mask=mask, position_ids=positions,
                       position_embeddings=body.rotary_emb(x, positions))
        x = self.norm(x[0] if isinstance(x, tuple) else x, m["shared_head.norm.weight"])
        head = self.main.lm_head.weight if mutation == "head_of_the_model" else m["shared_head.head.weight"]
        return (x @ head.T)[0].numpy()


MUTATIONS = ("before_the_final_norm", "embeddings_of_the_model", "same_token", "no_enorm", "no_hnorm", "halves_swapped",
             "no_attention_to_earlier", "head_of_the_model")
SHARED = ("embeddings_of_the_model", "head_of_the_model")  # a checkpoint's own are copies


def rows(predictor, ids, mutation=None):
    return np.concatenate([predictor.logits(ids[p], mutation)[POSITIONS[p]] for p in ids]).astype(np.float32)


def checkpoint(folder):
    """config.json, and every tensor as float32: FP8 times the scale of its block."""
    config = transformers.DeepseekV3Config(**json.loads((folder / "config.json").read_text()))
    stored = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as f:
            stored |= {k: f.get_tensor(k).float() for k in f.keys()}
    state = {}
    for name, x in stored.items():
        if name.endswith("_scale_inv"):
            continue
        if (scale := stored.get(name + "_scale_inv")) is not None:
            x = x * scale.repeat_interleave(128, 0)[:x.shape[0]].repeat_interleave(128, 1)[:, :x.shape[1]]
        state[name] = x
    return config, state


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", nargs=2, metavar=("FOLDER", "NAME"))
    parser.add_argument("names", nargs="*", default=list(SPECS))
    args = parser.parse_args()
    if args.folder:
        make(args.folder[1], Predictor(DeepSeek, *checkpoint(Path(args.folder[0]))), {}, shared=False)
        return
    for name in args.names:
        spec = SPECS[name]()
        make(name, Predictor(spec, spec.config(), spec.state()),
             {"architecture": spec.arch, "metadata": spec.metadata, **spec.name_for_folder(),
              "tensors": spec.tensors.listed})



def make(name, predictor, golden, shared=True):
    ids = prompts()
    logits = rows(predictor, ids)
    changes = {m: float(np.abs(rows(predictor, ids, m) - logits).max())
               for m in MUTATIONS if shared or m not in SHARED}
    assert min(changes.values()) > CLEAR, changes
    golden |= {
        "reference": f"transformers {transformers.__version__}, torch {torch.__version__}, eager, float32, CPU",
        "prompts": {p: {"ids": ids[p], "positions": POSITIONS[p]} for p in ids},
        "mutations": {m: round(c, 4) for m, c in changes.items()},
    }
    out = OUT / name
    out.mkdir(parents=True, exist_ok=True)
    (out / "golden.json").write_text(compact(json.dumps(golden, indent=1)) + "\n")
    np.save(out / "logits.npy", logits)
    print(name, "std", round(float(logits.std()), 3), changes)


if __name__ == "__main__":
    main()
