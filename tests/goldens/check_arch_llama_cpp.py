#!/usr/bin/env python3
"""Holds small models against llama.cpp: that it loads each file, and that it computes the logits that our tests expect.

A folder is either one that `make_arch_goldens.py --gguf FOLDER` filled (NAME.gguf, and NAME.npy: the logits that
llama.cpp should have, which are those of its way where it departs from transformers), or one of goldens/models of the
reference data (NAME/{golden.json,model-f32.gguf or model-f16.gguf,logits_PROMPT.npy}). Cache and weights are float32 and
flash attention is off. Prints the largest difference and the mean KL divergence of each model; exit 1 where one is above what two
implementations in float32 differ by, or, where llama.cpp multiplies in 8 bits, above what that rounding makes.
Needs llama-cpp-python and numpy. Usage: check_arch_llama_cpp.py FOLDER ...
"""
import json
import sys
from pathlib import Path

import numpy as np
from llama_cpp import llama_cpp as c

MODELS = Path(__file__).resolve().parent / "models"
GGML_TYPE_F32 = 0
CLOSE = 2e-2  # float32 sums in another order, and a table of float16 for GELU
CLOSE_KL = 0.01  # of experts multiplied in 8 bits
SMALLEST_CONTEXT = 256  # llama.cpp rounds a smaller one up, and that may choose other factors of positions


def quiet(_level, _text, _data):
    pass


def logits_of(model, ids, context_size):
    params = c.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = context_size, 512, 512
    params.n_threads = params.n_threads_batch = 2
    params.type_k = params.type_v = GGML_TYPE_F32
    params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = c.llama_init_from_model(model, params)
    batch = c.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, True
        batch.seq_id[i][0] = 0
    if c.llama_decode(context, batch) != 0:
        raise SystemExit("llama_decode failed")
    vocabulary = c.llama_vocab_n_tokens(c.llama_model_get_vocab(model))
    rows = [np.ctypeslib.as_array(c.llama_get_logits_ith(context, i), (vocabulary,)).copy() for i in range(len(ids))]
    c.llama_batch_free(batch)
    c.llama_free(context)
    return np.stack(rows)


def divergence(want, got):
    """KL of each row."""
    p, q = (x.astype(np.float64) - x.max(1, keepdims=True) for x in (want, got))
    p, q = (x - np.log(np.exp(x).sum(1, keepdims=True)) for x in (p, q))
    return (np.exp(p) * (p - q)).sum(1)


def cases(folder):
    """Name, GGUF file, and (ids, positions, context, expected logits) of each prompt."""
    for file in sorted(folder.glob("*.gguf")):
        expected, row, prompts = np.load(file.with_suffix(".npy")), 0, []
        for p in json.loads((MODELS / file.stem / "golden.json").read_text())["prompts"].values():
            count = len(p["positions"])
            prompts.append((p["ids"], p["positions"], p["context"], expected[row:row + count]))
            row += count
        yield file.stem, file, prompts
    for golden in sorted(folder.glob("*/golden.json")):
        place = golden.parent
        files = [place / name for name in ("model-f32.gguf", "model-f16.gguf") if (place / name).exists()]
        if files:
            prompts = json.loads(golden.read_text())["prompts"]
            yield place.name, files[0], [
                (p["ids"], p["positions"], SMALLEST_CONTEXT, np.load(place / f"logits_{name}.npy"))
                for name, p in prompts.items()]


def main():
    log = c.llama_log_callback(quiet)
    c.llama_log_set(log, None)
    c.llama_backend_init()
    far = 0
    for name, file, prompts in (case for folder in sys.argv[1:] for case in cases(Path(folder))):
        model = c.llama_model_load_from_file(str(file).encode(), c.llama_model_default_params())
        if not model:
            print(f"{name}: not loaded")
            far += 1
            continue
        wants, gots = [], []
        for ids, positions, context, want in prompts:
            if context >= SMALLEST_CONTEXT:
                wants.append(want)
                gots.append(logits_of(model, ids, context)[positions])
        c.llama_model_free(model)
        want, got = np.concatenate(wants), np.concatenate(gots)
        largest, kl = float(np.abs(want - got).max()), float(divergence(want, got).mean())
        far += (kl > CLOSE_KL) if "mxfp4" in name else (largest > CLOSE)
        print(f"{name}: largest difference {largest:.2g}, mean KL {kl:.2g}, {len(want)} rows of {len(wants)} prompts")
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
