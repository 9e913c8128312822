#!/usr/bin/env python3
"""clang-tidy 14 with the repository's .clang-tidy, which lists the checks that are on; each finding is an error.

Without --all: the C++ files of the newest commit and of the working tree, six at most and without the analyzer, which
takes a minute a file. With --all: every compiled file of our own, every check. Skipped (77) where clang-tidy 14 or the compile commands are absent.
Usage: check_tidy.py --tree BUILD_TREE [--all]
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN = ("kernels/", "engine/", "storage/", "app/", "ui/")
MOST = 6


def tidy():
    for name in ("clang-tidy-14", "clang-tidy"):
        if program := shutil.which(name):
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
            if re.search(r"version 14\.", version):
                return program
    return None


def git(*arguments):
    result = subprocess.run(["git", "-c", "safe.directory=*", *arguments], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.splitlines() if result.returncode == 0 else []


def compiled(tree):
    commands = json.loads((tree / "compile_commands.json").read_text(encoding="utf-8"))
    names = (os.path.relpath(os.path.join(c["directory"], c["file"]), ROOT) for c in commands)
    return sorted({n for n in names if n.startswith(OWN)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    program = tidy()
    if not program or not (options.tree / "compile_commands.json").is_file():
        print("skipped: clang-tidy 14 or compile_commands.json is not here")
        return 77
    files = compiled(options.tree)
    if not options.all:
        changed = set(git("diff", "--name-only", "HEAD~1")) | set(git("ls-files", "--others", "--exclude-standard"))
        files = [f for f in files if f in changed][:MOST]

    def run(file):
        command = [program, "-p", str(options.tree), "--quiet", "--extra-arg=-Wno-unknown-warning-option"]
        if not options.all:
            command.append("--checks=-clang-analyzer-*")
        command.append(file)
        return file, subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    failed = 0
    with ThreadPoolExecutor(os.cpu_count() if options.all else 1) as pool:
        for file, result in pool.map(run, files):
            if result.returncode != 0:
                failed += 1
                print(f"{file}:\n{result.stdout.strip() or result.stderr.strip()}", flush=True)
    print(f"{len(files)} files looked at, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
