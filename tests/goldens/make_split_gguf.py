#!/usr/bin/env python3
"""Writes tests/goldens/split/: one small model as a single GGUF file and as three, by the `gguf` package (MIT).

Tensor i ("t.i", {32, 2 + i}) holds the numbers 1000 i + 0, 1, 2 ...
    python3 -m venv /tmp/v && /tmp/v/bin/pip install gguf && /tmp/v/bin/python tests/goldens/make_split_gguf.py
"""
import pathlib

import gguf
import numpy

folder = pathlib.Path(__file__).with_name("split")
folder.mkdir(exist_ok=True)
for name, most in (("whole", 0), ("parts", 2)):
    writer = gguf.GGUFWriter(folder / f"{name}.gguf", "llama", split_max_tensors=most)
    writer.add_block_count(1)
    writer.add_string("general.name", "split")
    for i in range(5):
        rows = 2 + i
        writer.add_tensor(f"t.{i}", (numpy.arange(32 * rows, dtype=numpy.float32) + 1000 * i).reshape(rows, 32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
