#!/usr/bin/env python3
"""Writes a GGUF of a real model's shape with random weights in any format, to time formats beside each other.

Weights are finite and of the usual size; there is no tokenizer, so `lemma-cli bench` and peers.py can run the file and
nothing can talk with it. Needs numpy and gguf (PyPI). The default shape is that of Qwen2 with 1.5 billion parameters.
"""
import argparse

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

DRAWN = 512  # different blocks of a format; tensors are random sequences of them


def random_blocks(rng, kind, spread):
    """[DRAWN, bytes of a block]: random bits whose values are finite, the largest of a block from half to four spreads."""
    size = gguf.GGML_QUANT_SIZES[kind][1]
    if kind in (T.F32, T.F16, T.BF16):
        values = rng.normal(0, spread, (DRAWN, 1)).astype(np.float32)
        return gguf.quants.quantize(values, kind).view(np.uint8).reshape(DRAWN, size)
    kept = np.empty((0, size), np.uint8)
    while len(kept) < DRAWN:
        blocks = rng.integers(0, 256, (1 << 14, size), dtype=np.uint8)
        with np.errstate(all="ignore"):
            largest = np.abs(gguf.quants.dequantize(blocks, kind)).reshape(len(blocks), -1).max(axis=1)
        kept = np.concatenate([kept, blocks[(largest >= spread / 2) & (largest <= spread * 4)]])
    return kept[:DRAWN]


class RandomTensors:
    """The tensors of a file, planned first and drawn while it is written; `spread` is the usual size of a weight."""

    def __init__(self, writer, rng, spread):
        self.writer, self.rng, self.spread, self.tensors = writer, rng, spread, []

    def blocks(self, name, kind, *shape):
        """A tensor of random blocks; shape as in GGUF, columns first."""
        per, size = gguf.GGML_QUANT_SIZES[kind]
        rows = [*reversed(shape[1:]), shape[0] // per * size]
        self.writer.add_tensor_info(name, rows, np.dtype(np.uint8), int(np.prod(rows)), raw_dtype=kind)
        self.tensors.append((kind, int(np.prod(shape)) // per))

    def floats(self, name, values):
        self.writer.add_tensor_info(name, values.shape, np.dtype(np.float32), values.nbytes)
        self.tensors.append((None, values))

    def constant(self, name, n, value):
        self.floats(name, np.full(n, value, np.float32))

    def write(self):
        """Header, keys and all tensors; the writer is closed."""
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_ti_data_to_file()
        pools = {}
        for kind, content in self.tensors:
            if kind is None:
                self.writer.write_tensor_data(content)
                continue
            if kind not in pools:
                pools[kind] = random_blocks(self.rng, kind, self.spread)
            self.writer.write_tensor_data(pools[kind][self.rng.integers(0, DRAWN, content)].reshape(-1))
        self.writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--type", default="Q4_K", help="of the matrices; any format of GGUF that the gguf package reads")
    parser.add_argument("--head", default="Q6_K", help="of the output matrix and the embedding")
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--hidden", type=int, default=1536)
    parser.add_argument("--ff", type=int, default=8960)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--vocab", type=int, default=32768)
    parser.add_argument("--seed", type=int, default=7)
    o = parser.parse_args()
    rng = np.random.default_rng(o.seed)
    head_dim = o.hidden // o.heads
    writer = gguf.GGUFWriter(o.out, "qwen2")
    writer.add_name("shape")
    writer.add_block_count(o.layers)
    writer.add_context_length(32768)
    writer.add_embedding_length(o.hidden)
    writer.add_feed_forward_length(o.ff)
    writer.add_head_count(o.heads)
    writer.add_head_count_kv(o.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_vocab_size(o.vocab)
    writer.add_tokenizer_model("no_vocab")

    tensors = RandomTensors(writer, rng, 1.7 / o.hidden**0.5)
    kind, head = T[o.type], T[o.head]
    kv = o.kv_heads * head_dim
    tensors.blocks("token_embd.weight", head, o.hidden, o.vocab)
    tensors.blocks("output.weight", head, o.hidden, o.vocab)
    tensors.constant("output_norm.weight", o.hidden, 1)
    for i in range(o.layers):
        layer = f"blk.{i}."
        for name, k, n in (("attn_q", o.hidden, o.hidden), ("attn_k", o.hidden, kv), ("attn_v", o.hidden, kv)):
            tensors.blocks(f"{layer}{name}.weight", kind, k, n)
            tensors.constant(f"{layer}{name}.bias", n, 0)
        tensors.blocks(layer + "attn_output.weight", kind, o.hidden, o.hidden)
        tensors.constant(layer + "attn_norm.weight", o.hidden, 1)
        tensors.constant(layer + "ffn_norm.weight", o.hidden, 1)
        tensors.blocks(layer + "ffn_gate.weight", kind, o.hidden, o.ff)
        tensors.blocks(layer + "ffn_up.weight", kind, o.hidden, o.ff)
        tensors.blocks(layer + "ffn_down.weight", kind, o.ff, o.hidden)

    tensors.write()


if __name__ == "__main__":
    main()
