#!/usr/bin/env python3
"""Writes tests/goldens/f8_e4m3.txt and e8m0.txt: the float32 bits of all 256 bytes as `float8_e4m3fn` and
`float8_e8m0fnu`, one a line, by torch (BSD-3).

NaNs are written as "nan": which of their bits are set says nothing.
    python3 -m venv /tmp/v && /tmp/v/bin/pip install torch && /tmp/v/bin/python tests/goldens/make_eight_bits.py
"""
import math
import pathlib
import struct

import torch

for name, dtype in (("f8_e4m3", torch.float8_e4m3fn), ("e8m0", torch.float8_e8m0fnu)):
    values = torch.arange(256, dtype=torch.int16).to(torch.uint8).view(dtype).to(torch.float32).tolist()
    lines = ["nan" if math.isnan(v) else struct.pack(">f", v).hex() for v in values]
    pathlib.Path(__file__).with_name(name + ".txt").write_text("\n".join(lines) + "\n", encoding="ascii")
