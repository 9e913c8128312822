#!/usr/bin/env python3
"""Errors of what `lemma-cli quantize` writes beside llama.cpp's writers, on the same numbers; prints a Markdown table.

Two tensors: normal numbers, and numbers with heavy tails as trained weights have them; each once with all columns equal
and once with importances that spread over four orders of magnitude. A cell is our root of the (weighted) mean of squared
errors over theirs: below 1 where ours is nearer. Exit 1 where one is above 1.02. Run it with a Python that has
llama-cpp-python 0.3.36, gguf and numpy: encoders.py path/to/lemma-cli
"""
import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import dequantize

TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_XXS", "IQ3_S",
         "IQ2_XXS", "IQ2_XS", "IQ2_S"]
NEEDS_IMPORTANCE = {"IQ2_XXS", "IQ2_XS"}  # llama.cpp's writers refuse to go without
ROWS, COLUMNS = 64, 2048


def peer():
    import llama_cpp
    library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib/libggml-base.so"))
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    pointer = ctypes.POINTER(ctypes.c_float)
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, pointer, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                            ctypes.c_int64, pointer]
    return library


def theirs(library, kind, values, importance):
    as_floats = lambda a: a.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) if a is not None else None
    out = np.zeros(values.size * 2, dtype=np.uint8)
    size = library.ggml_quantize_chunk(int(kind), as_floats(values), out.ctypes.data, 0, ROWS, COLUMNS,
                                       as_floats(importance))
    return dequantize(out[:size].reshape(ROWS, -1), kind)


def write(path, tensors, kind):
    w = gguf.GGUFWriter(path, "llama")
    if kind == "imatrix":
        w.add_string("general.type", "imatrix")
    for name, values in tensors.items():
        w.add_tensor(name, values)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def ours(cli, folder, kind, importance):
    arguments = [cli, "quantize", folder / "in.gguf", folder / "out.gguf", "--type", "Q8_0", "--tensor-type", f"*={kind}"]
    if importance:
        arguments += ["--imatrix", folder / "imatrix.gguf"]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return {t.name: dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(folder / "out.gguf").tensors}


def main():
    cli, library = sys.argv[1], peer()
    random = np.random.default_rng(1)
    data = {"normal.weight": random.normal(0, 0.02, (ROWS, COLUMNS)).astype(np.float32),
            "tails.weight": (random.standard_t(5, (ROWS, COLUMNS)) * 0.02).astype(np.float32)}
    weights = np.exp(random.normal(0, 1.5, COLUMNS)).astype(np.float32)
    worst = 0
    print("| type | normal | tails | normal, weighted | tails, weighted |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "in.gguf", data, "model")
        write(folder / "imatrix.gguf", {f"{n}.in_sum2": weights.reshape(1, -1) for n in data} |
              {f"{n}.counts": np.ones((1, 1), dtype=np.float32) for n in data}, "imatrix")
        for kind in TYPES:
            type_ = gguf.GGMLQuantizationType[kind]
            cells = []
            for importance in (False, True):
                mine = ours(cli, folder, kind, importance)
                for tensor, values in data.items():
                    if kind in NEEDS_IMPORTANCE and not importance:
                        cells.append("-")
                        continue
                    w = weights if importance else None
                    error = lambda a: np.sqrt((((a - values).astype(np.float64) ** 2) * (weights if importance else 1)).mean())
                    ratio = error(mine[tensor]) / error(theirs(library, type_, values, w))
                    worst = max(worst, ratio)
                    cells.append(f"{ratio:.3f}")
            print(f"| {kind} | " + " | ".join(cells) + " |", flush=True)
    return 1 if worst > 1.02 else 0


if __name__ == "__main__":
    sys.exit(main())
