#!/usr/bin/env python3
"""The directions of includes: kernels <- engine <- app -> ui, storage; and no Qt where the program must build without.

Reads every #include of the C++ and CUDA files below the modules. A breach prints file:line and what was included; exit 1.
Usage: check_layers.py [ROOT]
"""
import re
import sys
from pathlib import Path

ALLOWED = {
    "kernels": set(),
    "engine": {"kernels"},
    "storage": set(),
    "ui": set(),
    "app": {"engine", "storage", "ui"},
}
CLI_ALLOWED = ALLOWED["app"] - {"ui"}  # lemma-cli is built where there is no Qt
NO_QT = ("kernels", "engine", "storage", "app/cli")
SUFFIXES = {".h", ".hpp", ".inc", ".cpp", ".cc", ".c", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
QT = re.compile(r"^(Q[A-Z]\w*|q[a-z]+\.h|Qt\w*/.*)$")


def breaches_of(root, file):
    """Yields (line number, sentence) for each include of `file` that the rules forbid."""
    relative = file.relative_to(root)
    module = relative.parts[0]
    is_cli = relative.parts[:2] == ("app", "cli")
    allowed = CLI_ALLOWED if is_cli else ALLOWED[module]
    no_qt = any(relative.as_posix().startswith(place + "/") for place in NO_QT)
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        if no_qt and QT.match(target):
            yield number, f"{target}: no Qt in {'app/cli' if is_cli else module}"
        if ".." in target.split("/"):
            yield number, f"{target}: write the path from the root of the repository"
            continue
        if quote == "<" and not (root / target).exists():
            continue  # a library's header
        beside = file.parent / target
        place = beside.resolve().relative_to(root.resolve()) if beside.exists() else Path(target)
        other = place.parts[0]
        if other in ALLOWED and other != module and other not in allowed:
            yield number, f"{target}: {'app/cli' if is_cli else module} may not include {other}"


def check(root):
    """All breaches below root as 'file:line: sentence', and how many files were read."""
    found, files = [], 0
    for module in ALLOWED:
        for file in sorted((root / module).rglob("*")):
            if file.suffix in SUFFIXES and file.is_file():
                files += 1
                found += [f"{file.relative_to(root)}:{line}: {what}" for line, what in breaches_of(root, file)]
    return found, files


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    found, files = check(root)
    print("\n".join(found) if found else f"{files} files keep the directions")
    if files == 0:
        print(f"{root}: no source file found, so nothing was checked")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
