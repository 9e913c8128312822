#!/usr/bin/env python3
"""Writes a GGUF of many small experts with random weights: R1's form, narrower, to time experts that do not fit memory.

Routers are random, so the choice of one token says little about that of the next, though some experts are chosen more
often than others. --skew adds a random bias to the choice, so that some experts are wanted more often, as
in models that were trained. Needs numpy and gguf (PyPI). The default is 5.7 GB: 24 layers of 64 experts of 3.5 MB.
"""
import argparse

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

from shapes import RandomTensors

HEADS, QUERY_RANK, KV_RANK, ROPE, NOPE, VALUE = 16, 512, 512, 64, 128, 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--type", default="Q4_K", help="of the matrices; any format of GGUF that the gguf package reads")
    parser.add_argument("--layers", type=int, default=24, help="with experts, behind one that is dense")
    parser.add_argument("--experts", type=int, default=64)
    parser.add_argument("--used", type=int, default=8, help="experts that a token passes")
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--expert-ff", type=int, default=1024)
    parser.add_argument("--vocab", type=int, default=16384)
    parser.add_argument("--skew", type=float, default=0, help="standard deviation of the bias on the choice")
    parser.add_argument("--seed", type=int, default=7)
    o = parser.parse_args()
    rng = np.random.default_rng(o.seed)
    writer = gguf.GGUFWriter(o.out, "deepseek2")
    writer.add_name("experts")
    writer.add_block_count(o.layers + 1)
    writer.add_context_length(32768)
    writer.add_embedding_length(o.hidden)
    writer.add_feed_forward_length(4 * o.hidden)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(ROPE)
    writer.add_key_length(KV_RANK + ROPE)
    writer.add_value_length(KV_RANK)
    writer.add_key_length_mla(NOPE + ROPE)
    writer.add_value_length_mla(VALUE)
    writer.add_q_lora_rank(QUERY_RANK)
    writer.add_kv_lora_rank(KV_RANK)
    writer.add_leading_dense_block_count(1)
    writer.add_vocab_size(o.vocab)
    writer.add_expert_count(o.experts)
    writer.add_expert_used_count(o.used)
    writer.add_expert_shared_count(1)
    writer.add_expert_feed_forward_length(o.expert_ff)
    writer.add_expert_weights_scale(2.5)
    writer.add_expert_weights_norm(True)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_tokenizer_model("no_vocab")

    tensors = RandomTensors(writer, rng, 1.7 / o.hidden**0.5)

    def ones(name, n):
        tensors.constant(name, n, 1)

    kind = T[o.type]
    tensors.blocks("token_embd.weight", kind, o.hidden, o.vocab)
    tensors.blocks("output.weight", T.Q6_K, o.hidden, o.vocab)
    ones("output_norm.weight", o.hidden)
    for i in range(o.layers + 1):
        layer = f"blk.{i}."
        ones(layer + "attn_norm.weight", o.hidden)
        ones(layer + "ffn_norm.weight", o.hidden)
        ones(layer + "attn_q_a_norm.weight", QUERY_RANK)
        ones(layer + "attn_kv_a_norm.weight", KV_RANK)
        tensors.blocks(layer + "attn_q_a.weight", kind, o.hidden, QUERY_RANK)
        tensors.blocks(layer + "attn_q_b.weight", kind, QUERY_RANK, HEADS * (NOPE + ROPE))
        tensors.blocks(layer + "attn_kv_a_mqa.weight", kind, o.hidden, KV_RANK + ROPE)
        tensors.blocks(layer + "attn_k_b.weight", T.Q8_0, NOPE, KV_RANK, HEADS)
        tensors.blocks(layer + "attn_v_b.weight", T.Q8_0, KV_RANK, VALUE, HEADS)
        tensors.blocks(layer + "attn_output.weight", kind, HEADS * VALUE, o.hidden)
        if i == 0:
            tensors.blocks(layer + "ffn_gate.weight", kind, o.hidden, 4 * o.hidden)
            tensors.blocks(layer + "ffn_up.weight", kind, o.hidden, 4 * o.hidden)
            tensors.blocks(layer + "ffn_down.weight", kind, 4 * o.hidden, o.hidden)
            continue
        router = rng.normal(0, o.hidden**-0.5, (o.experts, o.hidden)).astype(np.float32)
        tensors.floats(layer + "ffn_gate_inp.weight", router)
        tensors.floats(layer + "exp_probs_b.bias", (o.skew * rng.normal(0, 1, o.experts)).astype(np.float32))
        for suffix, count in (("_exps", (o.experts,)), ("_shexp", ())):
            tensors.blocks(f"{layer}ffn_gate{suffix}.weight", kind, o.hidden, o.expert_ff, *count)
            tensors.blocks(f"{layer}ffn_up{suffix}.weight", kind, o.hidden, o.expert_ff, *count)
            tensors.blocks(f"{layer}ffn_down{suffix}.weight", kind, o.expert_ff, o.hidden, *count)

    tensors.write()


if __name__ == "__main__":
    main()
