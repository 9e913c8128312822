#!/usr/bin/env python3
"""The kernels of each instruction set define one symbol, their table, and need nothing but the C library's memory calls.

Usage: check_kernel_symbols.py NM LIBRARY. An inline function or template of another namespace compiled with, say,
AVX-512 would be a weak symbol, and the linker might keep that copy for a machine without AVX-512.
"""
import re
import subprocess
import sys

NEEDED = {"memcpy", "memset", "memmove"}
# The same with checks, which Ubuntu's compiler asks for by itself.
NEEDED |= {"__memcpy_chk", "__memset_chk", "__memmove_chk", "__stack_chk_fail"}


def problems(listing):
    """What is wrong in the output of nm for an archive, and how many kernel files were seen."""
    wrong, files, member = [], 0, ""
    for line in listing.splitlines():
        head = re.fullmatch(r"(\S+\.o):", line)
        if head:
            member = head.group(1)
            files += member.startswith("kernels_")
            continue
        if not member.startswith("kernels_") or not line.strip():
            continue
        kind, name = line.split()[-2:]
        if kind == "U":
            if name not in NEEDED and name != "_GLOBAL_OFFSET_TABLE_":
                wrong.append(f"{member}: needs {name}")
        elif kind.isupper() and not name.endswith("kKernelsE"):
            wrong.append(f"{member}: defines {name} ({kind})")
        elif kind in "uvw":
            wrong.append(f"{member}: shares {name} ({kind})")
    return wrong, files


def main():
    nm, library = sys.argv[1:]
    listing = subprocess.run([nm, library], check=True, capture_output=True, text=True).stdout
    wrong, files = problems(listing)
    if files < 4:
        wrong.append(f"{library}: only {files} files of kernels")
    print("\n".join(wrong) if wrong else f"{files} files of kernels keep to themselves")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
