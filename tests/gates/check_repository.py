#!/usr/bin/env python3
"""What holds for the repository as a whole; each breach is printed, exit 1.

- no tracked file beyond 1 MB: what is larger is made by a script;
- no path of somebody's machine, in text of any kind;
- every module has a README.md, and no README below the root is longer than 20 lines;
- the build presets that people and scripts rely on exist, with build and test presets where they are used;
- decision records have their four headings and at most 25 lines.
Usage: check_repository.py [ROOT]
"""
import json
import re
import subprocess
import sys
from pathlib import Path

MODULES = ["kernels", "engine", "storage", "ui", "app/cli", "app", "resources", "installer", "tests"]
PRESETS = {"dev", "release", "nogui", "cuda", "asan", "tsan", "fuzz"}
TEST_PRESETS = {"dev", "release", "nogui", "asan", "tsan", "all"}
MAX_BYTES = 1_000_000
# Home folders and work folders by name; written so that this file does not match itself.
FOREIGN = re.compile(r"(?<![\w.~$}])/(?:root|work|home/\w+|Users/\w+|tmp/[a-z]\w+)" + r"/[\w.]")
HEADINGS = ["## Context", "## Decision", "## Rejected", "## Consequences"]


def tracked(root):
    names = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=root, check=True, capture_output=True)
    return [root / n for n in names.stdout.decode().split("\0") if n and (root / n).is_file()]


def large_files(root, files):
    for file in files:
        size = file.stat().st_size
        if size > MAX_BYTES:
            yield f"{file.relative_to(root)}: {size} bytes, more than {MAX_BYTES}"


def foreign_paths(root, files):
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture, a font, a golden
        for number, line in enumerate(lines, 1):
            if match := FOREIGN.search(line):
                yield f"{file.relative_to(root)}:{number}: names a path of one machine: {line[match.start():][:40].strip()}"


def readmes(root, files):
    for module in MODULES:
        if (root / module).is_dir() and not (root / module / "README.md").is_file():
            yield f"{module}: has no README.md"
    for file in files:
        if file.name == "README.md" and file.parent != root:
            count = len(file.read_text(encoding="utf-8").splitlines())
            if count > 20:
                yield f"{file.relative_to(root)}: {count} lines, more than 20"


def presets(root, _files):
    path = root / "CMakePresets.json"
    have = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for kind, wanted in (("configure", PRESETS), ("build", PRESETS), ("test", TEST_PRESETS)):
        names = {p["name"] for p in have.get(f"{kind}Presets", [])}
        if missing := sorted(wanted - names):
            yield f"CMakePresets.json: no {kind} preset {', '.join(missing)}"


def decisions(root, _files):
    for file in sorted((root / "resources/docs/decisions").glob("*.md")):
        lines = file.read_text(encoding="utf-8").splitlines()
        name = file.relative_to(root)
        if not re.match(r"\d{4}-[a-z0-9-]+\.md$", file.name):
            yield f"{name}: its name is not NNNN-what-was-decided.md"
        if len(lines) > 25:
            yield f"{name}: {len(lines)} lines, more than 25"
        if [line for line in lines if line.startswith("## ")] != HEADINGS:
            yield f"{name}: its headings are not {', '.join(HEADINGS)}"


def check(root):
    files = tracked(root)
    rules = (large_files, foreign_paths, readmes, presets, decisions)
    return [breach for rule in rules for breach in rule(root, files)], len(files)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    try:
        found, count = check(root)
    except (subprocess.CalledProcessError, FileNotFoundError):
        print("skipped: this is no git checkout, so there is no list of tracked files")
        return 77
    print("\n".join(found) if found else f"{count} tracked files are in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
