#!/usr/bin/env python3
"""Writes grids.h: the code books of the IQ formats, which are part of the GGUF format, from the Python package `gguf`
(MIT, see THIRD_PARTY.md). Usage, with gguf 0.19 installed: make_grids.py > grids.h
"""
from gguf import quants

HEADER = """\
// The code books of the IQ formats (GGUF). Written by make_grids.py from the data of the Python package gguf, whose
// notice is in THIRD_PARTY.md. A point is packed into 16 bits: eight levels of 2 bits, or four of 3 bits in 4 (lowest
// first); code_book.h says what a level is worth. Constant data, any thread.
#pragma once

#include <cstdint>

namespace lemma {

// clang-format off"""


def packed(quant):
    """One number a point, from the levels' positions in the format's list of values."""
    quant.init_grid()
    values = list(quant.grid_map)
    points = quant.grid.reshape(quant.grid_shape)
    width = 16 // quant.grid_shape[1]
    return [sum(values.index(value) << (width * k) for k, value in enumerate(point)) for point in points]


def main():
    print(HEADER)
    for name in ("IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"):
        points = packed(getattr(quants, name))
        print(f"inline constexpr uint16_t kGrid{name}[{len(points)}] = {{")
        for at in range(0, len(points), 14):
            print("    " + " ".join(f"0x{p:04x}," for p in points[at:at + 14]))
        print("};")
    print("// clang-format on\n\n}  // namespace lemma")


if __name__ == "__main__":
    main()
