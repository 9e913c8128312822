#!/usr/bin/env python3
"""How much of each parser its tests run: builds the parsers with gcc's --coverage, runs the tests, prints a table of
lines and branches. By hand or at night.

  tests/coverage/coverage.py [--tree build/coverage] [--jobs 2] [--only PARSER] [--missing]
                             [--programs test-export fuzz-transcripts]

--programs builds and runs these alone: one parser's own tests, for a look at it between two tables. --missing lists the
lines and branches that nothing ran. Branches are counted as gcov does, without those that only an exception takes, which
the compiler puts at every call; each side of a condition counts on its own, every function of a template once for all its
types. Branches on a line of nothing but brackets are the compiler's own, where it destroys what may not have been made,
and are not counted; the same flags on other lines are."""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Each parser of foreign bytes: the sources that read them.
PARSERS = {
    "GGUF": ["engine/gguf/gguf.cpp", "engine/gguf/gguf_file.cpp", "engine/model_file/gguf_value.*",
             "engine/model_file/model_header.*", "engine/model_file/checked.h"],
    "hyper-parameters": ["engine/model_file/metadata_reader.*", "engine/blocks/hparams.cpp"],
    "safetensors": ["engine/safetensors/*"],
    "folder": ["engine/hf_folder/*"],
    "tokenizer": ["engine/tokenizer/*.cpp"],
    "template": ["engine/template/*.cpp"],
    "parked conversation": ["engine/park/parked_file.*"],
    "importance matrix": ["engine/quantise/imatrix.cpp"],
    "thought splitter": ["engine/text/*.cpp"],
    "Markdown": ["ui/markdown/*"],
    "conversation file": ["storage/export/*.cpp"],
    "database": ["storage/store*.cpp", "storage/message_rows.cpp", "storage/schema.cpp", "storage/snapshot.cpp",
                 "storage/settings.cpp", "storage/sqlite/*"],
}

# What runs, and which of its cases.
PROGRAMS = {
    "test-gguf": "*",
    "test-safetensors": "*",
    "test-hostile": "-*Report*",
    "test-park": "ParkedFile*",
    "test-text": "*",
    "test-tokenizer": "-*Linear*:*Megabyte*",
    "test-template": "-*endInTime*",
    "test-markdown": "-*Bounded*",
    "test-model": "Hostile*:*ArchFolder*:*SeeingFolder*:*WithoutWidths*:Paired*:ModelInfo*-*mutated*:*Machine*:*Seven*",
    "test-engine": "Folder*",
    "test-quantise": "*matrix*:*Folder*",
    "test-export": "*",
    "test-storage": "-*Stall*",
    "test-storage_faults": "*",
}
# Cases whose limits of time do not hold without optimisation: they run, and their verdict does not count.
TIMED = {"test-template": "*endInTime*", "test-markdown": "*Bounded*"}
MUTANTS = 200  # of each fuzz target


def build(tree, jobs, sources, targets):
    covered = ";".join(s for s in sorted(sources) if s.endswith(".cpp"))
    configure = ["cmake", "--preset", "nogui", "-B", str(tree), "-DCMAKE_UNITY_BUILD=ON", "-DLEMMA_WERROR=OFF",
                 "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG",
                 f"-DCMAKE_PROJECT_INCLUDE={ROOT}/tests/coverage/coverage.cmake", f"-DLEMMA_COVERAGE_SOURCES={covered}"]
    subprocess.run(configure, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(tree), f"-j{jobs}", "--target", *targets], cwd=ROOT, check=True)


def run(tree, targets):
    for old in tree.rglob("*.gcda"):
        old.unlink()
    failed = []
    for name in targets:
        program = tree / "bin" / name
        if name.startswith("fuzz-"):
            command = [program, ROOT / "tests/fuzz/corpus" / name.removeprefix("fuzz-"), str(MUTANTS)]
        else:
            command = [program, f"--gtest_filter={PROGRAMS[name]}", "--gtest_brief=1"]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, errors="replace")
            if done.returncode != 0:
                failed.append(name)
                print(f"{name}:\n{done.stdout[-4000:]}", file=sys.stderr)
    for name, cases in TIMED.items():
        if name not in targets:
            continue
        command = [tree / "bin" / name, f"--gtest_filter={cases}"]
        subprocess.run(command, stdout=subprocess.DEVNULL)
    return failed


def counts_of(tree, wanted):
    """Of each source, what gcov says: {source: {line: [count, {branch: count}]}}."""
    lines = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, {}]))
    for data in sorted(tree.rglob("*.gcda")):
        command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", data.name]
        out = subprocess.run(command, cwd=data.parent, capture_output=True, check=True).stdout
        for report in out.decode().splitlines():
            if not report.startswith("{"):
                continue
            for file in json.loads(report)["files"]:
                source = os.path.relpath(os.path.join(tree, file["file"]), ROOT)  # as the compiler was told it
                if not wanted(source):
                    continue
                for line in file["lines"]:
                    entry = lines[source][line["line_number"]]
                    entry[0] += line["count"]
                    kept = [b for b in line["branches"] if not b["throw"]]
                    if len(kept) < 2:  # the other side is an exception's
                        continue
                    # Functions made of one template, and constructors' two forms, share their lines.
                    for i, branch in enumerate(kept):
                        entry[1][i] = entry[1].get(i, 0) + branch["count"]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=pathlib.Path, default=ROOT / "build/coverage")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--only", choices=PARSERS)
    parser.add_argument("--missing", action="store_true")
    programs = list(PROGRAMS) + ["fuzz-" + f.stem for f in sorted((ROOT / "tests/fuzz").glob("*.cpp"))]
    parser.add_argument("--programs", nargs="+", choices=programs, default=programs, metavar="PROGRAM")
    parser.add_argument("--no-run", action="store_true", help="of the last run")
    options = parser.parse_args()
    tree = options.tree.resolve()
    of_source = {}
    for name, patterns in PARSERS.items():
        for pattern in patterns:
            for path in ROOT.glob(pattern):
                of_source[str(path.relative_to(ROOT))] = name
    failed = []
    if not options.no_run:
        build(tree, options.jobs, of_source, options.programs)
        failed = run(tree, options.programs)

    lines = counts_of(tree, of_source.__contains__)
    print("| parser | lines | run | branches | taken |\n|---|---|---|---|---|")
    for name in PARSERS:
        if options.only not in (None, name):
            continue
        all_lines = run_lines = all_branches = taken = 0
        for source, entries in lines.items():
            if of_source[source] != name:
                continue
            code = (ROOT / source).read_text().splitlines()
            for number, (count, branches) in sorted(entries.items()):
                text = code[number - 1].strip()
                if not text.strip("{}(); "):
                    branches = {}
                all_lines += 1
                run_lines += count > 0
                all_branches += len(branches)
                taken += sum(n > 0 for n in branches.values())
                if options.missing and (count == 0 or 0 in branches.values()):
                    print(f"{source}:{number}: {'never' if count == 0 else 'one side'}: {text}", file=sys.stderr)
        share = lambda part, whole: f"{100 * part / whole:.1f} %" if whole else "none"
        row = [name, all_lines, share(run_lines, all_lines), all_branches, share(taken, all_branches)]
        print("| " + " | ".join(map(str, row)) + " |")
    if failed:
        print("failed: " + ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
