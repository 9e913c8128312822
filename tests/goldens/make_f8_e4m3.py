#!/usr/bin/env python3
"""Writes tests/goldens/f8_e4m3.txt: the float32 bits of all 256 bytes as `float8_e4m3fn`, one a line, by torch (BSD-3).

NaNs are written as "nan": which of their bits are set says nothing.
    python3 -m venv /tmp/v && /tmp/v/bin/pip install torch && /tmp/v/bin/python tests/goldens/make_f8_e4m3.py
"""
import math
import pathlib
import struct

import torch

values = torch.arange(256, dtype=torch.int16).to(torch.uint8).view(torch.float8_e4m3fn).to(torch.float32).tolist()
lines = ["nan" if math.isnan(v) else struct.pack(">f", v).hex() for v in values]
pathlib.Path(__file__).with_name("f8_e4m3.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
