#!/usr/bin/env python3
"""Tracked C++ and CUDA files look as .clang-format says. Releases of clang-format differ, so only version 14 is asked.

Prints each place that differs; exit 1. Skipped (77) where clang-format 14 is absent. Usage: check_format.py [--fix]
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = ["*.cpp", "*.h", "*.cu", "*.cuh"]


def formatter():
    for name in ("clang-format-14", "clang-format"):
        if program := shutil.which(name):
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
            if re.search(r"version 14\.", version):
                return program
    return None


def main():
    program = formatter()
    if not program:
        print("skipped: clang-format 14 is not installed")
        return 77
    listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *PATTERNS], cwd=ROOT, capture_output=True)
    files = [f for f in listing.stdout.decode().split("\0") if f and (ROOT / f).is_file()]
    if listing.returncode != 0 or not files:
        print("skipped: this is no git checkout, so there is no list of tracked files")
        return 77
    mode = ["-i"] if "--fix" in sys.argv[1:] else ["--dry-run", "--Werror", "--ferror-limit=3"]
    result = subprocess.run([program, "--style=file", *mode, *files], cwd=ROOT)
    if result.returncode == 0:
        print(f"{len(files)} files looked at")
    else:
        print("mend it by: tests/gates/check_format.py --fix")
    return 1 if result.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
