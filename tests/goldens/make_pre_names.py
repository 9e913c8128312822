#!/usr/bin/env python3
"""Writes tests/goldens/pre_names.jsonl: ids that llama.cpp gives one vocabulary under each name of a pre-tokenizer.

The names are values of tokenizer.ggml.pre; the vocabulary is Llama 3's, from the reference data beside the repository;
the library is `llama-cpp-python` (MIT) from PyPI. A line: {"pre", "add_bos", "cases": [[text, ids], ...]}, ids without
bos and without special tokens. Left out: names for which llama.cpp has expressions of its own (default, falcon,
deepseek-llm), and those it does not know (o200k, deepseek-r1).
    python3 -m venv /tmp/v && /tmp/v/bin/pip install llama-cpp-python==0.3.36 gguf==0.19.0 regex
    xz -dc ../shared/goldens/tokenizers/ggml-vocab-llama-bpe.gguf.xz > /tmp/vocabulary.gguf
    /tmp/v/bin/python tests/goldens/make_pre_names.py /tmp/vocabulary.gguf
"""
import json
import pathlib
import random
import sys
import tempfile

import gguf
import llama_cpp

import make_splits

NAMES = """gpt-2 phi-2 mpt olmo jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe a.x-4.0
exaone4 gigachat granite-docling mellum trillion viking smollm starcoder refact command-r codeshell exaone mellum2 minerva-7b llama-bpe
llama3 llama-v3 falcon3 falcon-h1 lfm2 midm-2.0 pixtral smaug-bpe dbrx chatglm-bpe glm4 glm5 qwen2 deepseek-r1-qwen
stablelm2 megrez f2llmv2 kormo bailingmoe hunyuan grok-2 solar-open seed-coder qwen35 kimi-k2 deepseek-coder deepseek-v3
hunyuan-dense joyai-llm tekken gpt-4o llama4 kanana2 minimax-m2""".split()
TEXTS = ["Hello, World! don't I'M we'll", "x = 12345 + 6;\n\n\treturn 1234567\r\n", "camelCase HTTPServer ABCdef",
         "日本語テキスト 漢字 한국어", "  a  b\n \n c  ", "Ünïcödé naïve ½ Ⅷ ²", "😀 👩‍👩‍👧!!?? //\n/*", " 你好，世界。123"]


def rewritten(reader, name, path):
    def field(key):
        return reader.fields[key].contents()
    w = gguf.GGUFWriter(path, "llama")
    w.add_block_count(1)
    w.add_context_length(64)
    w.add_embedding_length(64)
    w.add_head_count(1)
    w.add_feed_forward_length(64)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(name)
    w.add_token_list(field("tokenizer.ggml.tokens"))
    w.add_token_types(field("tokenizer.ggml.token_type"))
    w.add_token_merges(field("tokenizer.ggml.merges"))
    w.add_bos_token_id(field("tokenizer.ggml.bos_token_id"))
    w.add_eos_token_id(field("tokenizer.ggml.eos_token_id"))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def main():
    reader = gguf.GGUFReader(sys.argv[1])
    rng = random.Random(2026)
    texts = TEXTS + ["".join(rng.choice(make_splits.PIECES + list("aZ1 \n_-é")) for _ in range(8)) for _ in range(8)]
    out = pathlib.Path(__file__).parent / "pre_names.jsonl"
    with tempfile.TemporaryDirectory() as folder, out.open("w", encoding="utf-8") as file:
        path = folder + "/vocabulary.gguf"
        for name in NAMES:
            rewritten(reader, name, path)
            model = llama_cpp.Llama(path, vocab_only=True, verbose=False)
            cases = [[t, model.tokenize(t.encode(), add_bos=False, special=False)] for t in texts]
            add_bos = bool(llama_cpp.llama_vocab_get_add_bos(model._model.vocab))
            model.close()
            line = {"pre": name, "add_bos": add_bos, "cases": cases}
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
