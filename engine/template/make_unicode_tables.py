#!/usr/bin/env python3
"""Writes unicode_tables.inc from Python's own Unicode data: case mappings, letters and printable code points."""
import sys


def ranges(test):
    out, start = [], None
    for cp in range(0x110001):
        hit = cp < 0x110000 and not 0xD800 <= cp < 0xE000 and test(chr(cp))
        if hit and start is None:
            start = cp
        elif not hit and start is not None:
            out.append((start, cp - 1))
            start = None
    return out


def mapping(convert):
    """(first, last, step, delta) runs of simple mappings, and the ones that give several code points."""
    single, several = [], []
    for cp in range(128, 0x110000):
        if 0xD800 <= cp < 0xE000:
            continue
        to = convert(chr(cp))
        if to == chr(cp):
            continue
        (single if len(to) == 1 else several).append((cp, to))
    runs = []
    for cp, to in single:
        delta = ord(to) - cp
        if runs:
            first, last, step, d = runs[-1]
            gap = cp - last
            if d == delta and gap <= 2 and (step in (0, gap)):
                runs[-1] = (first, cp, gap, d)
                continue
        runs.append((cp, cp, 0, delta))
    return [(a, b, max(s, 1), d) for a, b, s, d in runs], several


def escape(text):
    return "".join(f"\\x{b:02x}" for b in text.encode())


w = sys.stdout.write
w("// Written by make_unicode_tables.py from Python's Unicode data. Do not edit.\n// clang-format off\n")
for name, convert in (("Upper", str.upper), ("Lower", str.lower)):
    runs, several = mapping(convert)
    w(f"constexpr CaseRun k{name}[] = {{\n")
    for i in range(0, len(runs), 6):
        w("".join("{0x%x,0x%x,%d,%d}," % r for r in runs[i:i + 6]) + "\n")
    w("};\n")
    w(f"constexpr CaseExpansion k{name}Several[] = {{\n")
    for i in range(0, len(several), 6):
        w("".join('{0x%x,"%s"},' % (cp, escape(to)) for cp, to in several[i:i + 6]) + "\n")
    w("};\n")
for name, test in (("Letters", str.isalpha), ("Printable", str.isprintable)):
    found = [r for r in ranges(test) if r[1] >= 128]
    w(f"constexpr Range k{name}[] = {{\n")
    for i in range(0, len(found), 8):
        w("".join("{0x%x,0x%x}," % r for r in found[i:i + 8]) + "\n")
    w("};\n")
