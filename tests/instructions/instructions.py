#!/usr/bin/env python3
"""Instructions that a token costs, counted by valgrind: the same number each time for the same program, on any machine.

  instructions.py PROGRAM COMPILER BUILD_TYPE

PROGRAM answers with a small model (answer.cpp); two runs that differ in length differ by the tokens between, so loading
and starting count nothing. Only the release build is judged."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
# What a token took when these rows were written, by g++ 12.2 with -O3: of a prompt, of an answer. A change that makes it
# more than 2 % dearer fails; one that makes it cheaper is welcome, and its figures replace these.
COMPILER = "GNU 12"
BASELINE = {"avx2": (379_300, 1_411_600), "sse4": (935_700, 2_410_400)}
MARGIN = 1.02
OTHER_COMPILER = 1.25  # of the same source; what is lost at once, such as a kernel that is no longer chosen, is more
PROMPTS, ANSWERS = (64, 192), (8, 40)
# How often a thread looks for work before it comes is a matter of time.
WAITING = re.compile(r"Spinner::once\(|CpuBackend::lead\(|^(__)?sched_yield$")


def count(program, *args):
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder) / "profile"
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={profile}", program, *args]
        done = subprocess.run([str(a) for a in command], capture_output=True, text=True)
        if done.returncode == SKIP:
            return None
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, args))}: exit {done.returncode}\n{done.stderr}")
        instructions, waiting, waited = 0, False, False
        for line in profile.read_text().splitlines():
            if line.startswith("fn="):
                waiting = bool(WAITING.search(line[3:]))
                waited |= waiting
            elif line[:1].isdigit() and not waiting:
                instructions += int(line.split()[1])
    if not waited:
        sys.exit("no function of those that wait was seen: their names have changed")
    return instructions


def main():
    program, compiler, build_type = sys.argv[1:]
    if build_type != "Release":
        print("skipped: the counts are those of a release build")
        return SKIP
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed")
        return SKIP
    for target, baseline in BASELINE.items():
        first = count(program, target, PROMPTS[0], ANSWERS[0])
        if first is not None:
            break
    else:
        print("skipped: valgrind knows none of the instruction sets here: " + ", ".join(BASELINE))
        return SKIP
    prompt = (count(program, target, PROMPTS[1], ANSWERS[0]) - first) / (PROMPTS[1] - PROMPTS[0])
    answer = (count(program, target, PROMPTS[0], ANSWERS[1]) - first) / (ANSWERS[1] - ANSWERS[0])
    margin = MARGIN if compiler.startswith(COMPILER) else OTHER_COMPILER
    failed = False
    for what, now, then in (("prompt", prompt, baseline[0]), ("answer", answer, baseline[1])):
        print(f"{target}, {compiler}: {now:,.0f} instructions a token of the {what}; were {then:,}, limit {margin:.2f} times")
        failed |= now > margin * then
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
