#!/usr/bin/env python3
"""Architecture x format beside llama.cpp on the same files: a Markdown table of mean KL divergences.

Each model (as check_arch_llama_cpp.py finds them) is written in each format by `lemma-cli quantize`; what is compared
with is our reference backend on the very file, which computes in float32 over the decoded weights. Shown are our fast
backend and llama.cpp, both with 8-bit activations where the format asks for them: one batch, and token by token for
ours. A format is left out where a model's rows are not whole blocks of it. Where a
random router's choice is a matter of rounding, both diverge far. Exit 1 where our divergence is above the bound of its
class (0.01) and above twice llama.cpp's.
Needs llama-cpp-python and numpy. Usage: check_formats_llama_cpp.py LEMMA_CLI FOLDER ...
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from check_arch_llama_cpp import SMALLEST_CONTEXT, c, cases, divergence, logits_of, quiet

FORMATS = ("F32 F16 BF16 Q8_0 Q6_K Q5_K Q5_1 Q5_0 Q4_K Q4_1 Q4_0 IQ4_NL IQ4_XS MXFP4 NVFP4 Q3_K IQ3_S IQ3_XXS Q2_K IQ2_S "
           "IQ2_XS IQ2_XXS TQ2_0 TQ1_0").split()
BOUND = 0.01


def write(cli, source, to, form):
    """The share of matrices' bytes that are in the format now."""
    command = [cli, "quantize", source, to, "--type", "F16", "--tensor-type", "*ffn_gate_inp*=F32",
               "--tensor-type", f"*.weight={form}", "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        return 0
    tensors = [t for t in json.loads(done.stdout)["tensors"] if t["to"] == form or t["bytes_to"] > 4096]
    return sum(t["bytes_to"] for t in tensors if t["to"] == form) / max(1, sum(t["bytes_to"] for t in tensors))


def ours(cli, file, ids, device, chunk):
    with tempfile.NamedTemporaryFile(suffix=".npy") as out:
        command = [cli, "logits", "-m", file, "--tokens", ",".join(map(str, ids)), "--out", out.name, "--device", device,
                   "--chunk", chunk, "--kv", "f32"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        return np.load(out.name)


def main():
    cli, folders = sys.argv[1], sys.argv[2:]
    log = c.llama_log_callback(quiet)
    c.llama_log_set(log, None)
    c.llama_backend_init()
    print("| model | format | ours | ours, token by token | llama.cpp |\n|---|---|---|---|---|")
    far = 0
    for name, source, prompts in (case for folder in folders for case in cases(Path(folder))):
        long = max((ids for ids, _, context, _ in prompts if context >= SMALLEST_CONTEXT), key=len)
        for form in FORMATS:
            with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
                if write(cli, source, file.name, form) < 0.5:
                    continue
                want = ours(cli, file.name, long, "reference", 512)
                fast, steps = (float(divergence(want, ours(cli, file.name, long, "cpu", n)).mean()) for n in (512, 1))
                model = c.llama_model_load_from_file(file.name.encode(), c.llama_model_default_params())
                theirs = float("nan")
                if model:
                    theirs = float(divergence(want, logits_of(model, long, 512)).mean())
                    c.llama_model_free(model)
                bad = max(fast, steps) > BOUND and not max(fast, steps) <= 2 * theirs
                far += bad
                print(f"| {name} | {form} | {fast:.2g} | {steps:.2g} | {theirs:.2g} |{' too far' if bad else ''}", flush=True)
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
