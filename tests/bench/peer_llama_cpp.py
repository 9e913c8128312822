"""Times llama.cpp through its C interface the way `lemma-cli bench` times us; run by peers.py inside the peer's venv.

Random tokens from a fixed seed; the prompt in one decode call with logits for its last token, then one token a call. A
warm-up round is thrown away. With a depth the cache is filled once, in batches of 512, and cut back to that depth before
each timing. Prints one JSON object: versions and tokens per second of each round.
Usage: peer_llama_cpp.py MODEL PROMPT GENERATE DEPTH THREADS ROUNDS
"""
import json
import random
import sys
import time

import llama_cpp
from llama_cpp import llama_cpp as c


def quiet(_level, _text, _data):
    pass


def decode(context, tokens):
    array = (c.llama_token * len(tokens))(*tokens)
    if c.llama_decode(context, c.llama_batch_get_one(array, len(tokens))) != 0:
        raise RuntimeError("llama_decode failed")
    c.llama_synchronize(context)


def main():
    path, prompt, generate, depth, threads, rounds = sys.argv[1], *map(int, sys.argv[2:7])
    log = c.llama_log_callback(quiet)
    c.llama_log_set(log, None)
    c.llama_backend_init()
    model_params = c.llama_model_default_params()
    model_params.n_gpu_layers = 0
    model = c.llama_model_load_from_file(path.encode(), model_params)
    params = c.llama_context_default_params()
    params.n_ctx = depth + max(prompt, generate) + 64
    params.n_batch = params.n_ubatch = max(prompt, min(depth, 512), 1)
    params.n_threads = params.n_threads_batch = threads
    context = c.llama_init_from_model(model, params)
    if not model or not context:
        raise SystemExit(f"llama.cpp could not load {path}")
    vocabulary = c.llama_vocab_n_tokens(c.llama_model_get_vocab(model))
    source = random.Random(1)
    for begin in range(0, depth, 512):
        decode(context, [source.randrange(vocabulary) for _ in range(min(512, depth - begin))])

    def timed(steps):
        if not c.llama_memory_seq_rm(c.llama_get_memory(context), 0, depth, -1):
            raise RuntimeError("llama_memory_seq_rm failed")
        begun = time.perf_counter()
        for tokens in steps:
            decode(context, tokens)
        return sum(map(len, steps)) / (time.perf_counter() - begun)

    result = {"prompt": [], "generate": []}
    for round_number in range(rounds + 1):
        prompt_tps = timed([[source.randrange(vocabulary) for _ in range(prompt)]])
        generate_tps = timed([[source.randrange(vocabulary)] for _ in range(generate)])
        if round_number > 0:
            result["prompt"].append(prompt_tps)
            result["generate"].append(generate_tps)
    result["version"] = f"llama-cpp-python {llama_cpp.__version__}"
    result["features"] = c.llama_print_system_info().decode()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
