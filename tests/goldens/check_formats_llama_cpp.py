#!/usr/bin/env python3
"""Architecture x format beside llama.cpp on the same files: a Markdown table of mean KL divergences and their ratio.

Each model (as check_arch_llama_cpp.py finds them) is written in each format by `lemma-cli quantize`; what is compared
with is our reference backend on the very file, which computes in float32 over the decoded weights. Shown are our fast
backend, in one batch and token by token, and llama.cpp, which both round activations to 8 bits where the format asks for
it, over the same random prompts. llama.cpp's own way of computing some models (OTHERWISE) is not what we compare with: there it
is held against itself over the decoded weights in F32. A format is left out where a model's rows are not whole blocks of it.

A random router decides by hairs, and what one choice does to the rows behind it outweighs all rounding, so one prompt
says nothing: the ratio is that of the sums over all prompts, of the worse of our two, with its standard error by leaving
out one prompt after another. A cell whose ratio is above 1.05 by more than two standard errors is measured anew over
four times as many other prompts; exit 1 where it still is.
Needs llama-cpp-python and numpy. Usage: check_formats_llama_cpp.py [--prompts N] [--tokens N] [--formats A,B] LEMMA_CLI FOLDER ...
"""
import argparse
import json
import subprocess
import sys
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from check_arch_llama_cpp import SMALLEST_CONTEXT, c, cases, divergence, logits_of, quiet

FORMATS = ("F32 F16 BF16 Q8_0 Q6_K Q5_K Q5_1 Q5_0 Q4_K Q4_1 Q4_0 IQ4_NL IQ4_XS MXFP4 NVFP4 Q3_K IQ3_S IQ3_XXS Q2_K IQ2_S "
           "IQ2_XS IQ2_XXS TQ2_0 TQ1_0").split()
OTHERWISE = ("phi3", "gpt-oss")  # it leaves out phi3's window, and rounds YaRN's bounds
ALLOWED = 1.05
SUMS = 1e-6  # float32 sums in another order diverge by less
AGAIN = 4
VOCABULARY = 512


def quantize(cli, source, to, *rules):
    command = [cli, "quantize", source, to, "--type", "F16", "--json"]
    for rule in rules:
        command += ["--tensor-type", rule]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    return json.loads(done.stdout)["tensors"] if done.returncode == 0 else None


def write(cli, source, to, form):
    """The share of matrices' bytes that are in the format now."""
    tensors = quantize(cli, source, to, "*ffn_gate_inp*=F32", f"*.weight={form}") or []
    tensors = [t for t in tensors if t["to"] == form or t["bytes_to"] > 4096]
    return sum(t["bytes_to"] for t in tensors if t["to"] == form) / max(1, sum(t["bytes_to"] for t in tensors))


def prompt(number, tokens):
    return [int(x) for x in np.random.default_rng(number).integers(0, VOCABULARY, tokens)]


class Ours:
    def __init__(self, cli, file):
        self.cli, self.file = cli, file

    def __call__(self, ids, device, chunk):
        with tempfile.NamedTemporaryFile(suffix=".npy") as out:
            command = [self.cli, "logits", "-m", self.file, "--tokens", ",".join(map(str, ids)), "--out", out.name,
                       "--device", device, "--chunk", chunk, "--ctx", SMALLEST_CONTEXT, "--kv", "f32", "-t", 1]
            subprocess.run(list(map(str, command)), check=True, capture_output=True)
            return np.load(out.name)


class Theirs:
    """llama.cpp over a file; Nones where it does not load it."""

    def __init__(self, file):
        self.model = c.llama_model_load_from_file(str(file).encode(), c.llama_model_default_params())

    def __call__(self, ids):
        return logits_of(self.model, ids, SMALLEST_CONTEXT) if self.model else None

    def close(self):
        if self.model:
            c.llama_model_free(self.model)


def measure(cli, file, prompts, otherwise):
    """Sums of KL, one row a prompt, and the largest rows: one batch, token by token, llama.cpp (NaN where it has none)."""
    ours, theirs = Ours(cli, file), Theirs(file)
    wants = ThreadPool().map(lambda ids: ours(ids, "reference", 512), prompts)
    fast = ThreadPool().map(lambda ids: [ours(ids, "cpu", n) for n in (512, 1)], prompts)
    own = wants
    if otherwise:
        with tempfile.NamedTemporaryFile(suffix=".gguf") as decoded:
            assert quantize(cli, file, decoded.name, "*=F32")
            exact = Theirs(decoded.name)
            own = [exact(ids) for ids in prompts]
            exact.close()
    sums, largest = [], []
    for ids, want, got, their_want in zip(prompts, wants, fast, own):
        peer = theirs(ids)
        rows = [*(divergence(want, x) for x in got), np.full(1, np.nan) if peer is None else divergence(their_want, peer)]
        sums.append([r.sum() for r in rows])
        largest.append([r.max() for r in rows])
    theirs.close()
    return np.array(sums), np.max(largest, 0)


def ratio(sums):
    """Of the worse of ours to theirs, and its standard error (jackknife over prompts)."""
    worse = sums[:, :2].sum(0).argmax()
    mine, peer, n = sums[:, worse], sums[:, 2], len(sums)
    without = (mine.sum() - mine) / (peer.sum() - peer)
    return mine.sum() / peer.sum(), float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))


def line(name, form, sums, largest, tokens):
    """Of the table, and whether we are further off than we may be."""
    means = sums.sum(0) / (len(sums) * tokens)
    text = f"| {name} | {form} | {means[0]:.2g} | {means[1]:.2g} | {largest[:2].max():.2g} | {means[2]:.2g} | {largest[2]:.2g} | "
    if not means[:2].max() > SUMS or not np.isfinite(means[2]):
        return text + "- |", False
    value, error = ratio(sums)
    return text + f"{value:.3f} +- {error:.3f} |", value - 2 * error > ALLOWED


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=128, help="of each prompt")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("cli")
    parser.add_argument("folders", nargs="+", type=Path)
    args = parser.parse_args()
    log = c.llama_log_callback(quiet)
    c.llama_log_set(log, None)
    c.llama_backend_init()
    print("| model | format | ours | ours, token by token | our largest row | llama.cpp | its largest row | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    far = 0
    for name, source, _ in (case for folder in args.folders for case in cases(folder)):
        for form in args.formats.split(","):
            with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
                if write(args.cli, source, file.name, form) < 0.5:
                    continue
                bad = False
                for first, count in ((0, args.prompts), (args.prompts, AGAIN * args.prompts)):
                    prompts = [prompt(first + i, args.tokens) for i in range(count)]
                    sums, largest = measure(args.cli, file.name, prompts, name.startswith(OTHERWISE))
                    text, bad = line(name, form, sums, largest, args.tokens)
                    print(text + (" too far" if bad and first else " anew:" if bad else ""), flush=True)
                    if not bad:
                        break
                far += bad
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
