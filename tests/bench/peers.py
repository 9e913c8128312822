#!/usr/bin/env python3
"""Lemma beside llama.cpp on the same file, threads and machine; prints a Markdown table.

The peer is llama-cpp-python 0.3.36, built here with the flags of this machine into a venv below XDG_CACHE_HOME (minutes,
once). The two take turns round by round, so that a machine that gets slower meets both; each figure is the median of its
rounds, and the last column is the ratio of the medians, above 1 where Lemma is faster. Nothing else should be running.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PEER = "llama-cpp-python==0.3.36"
# Only the library: with its tools too, this release adds the folder of one of them twice and CMake refuses.
PEER_FLAGS = ("-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF "
              "-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF")


def home(variable, fallback):
    return Path(os.environ.get(variable) or Path.home() / fallback) / "lemma"


def peer_python():
    """The Python of the peer's venv, built on first use. Needs python3-venv, a compiler and the package index."""
    venv = home("XDG_CACHE_HOME", ".cache") / "peers" / PEER.replace("==", "-")
    python = venv / "bin/python"
    if not (venv / "ready").exists():
        print(f"Building {PEER} in {venv}: some minutes, once.", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        environment = {**os.environ, "CMAKE_ARGS": PEER_FLAGS}
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True, env=environment, stdout=sys.stderr)
        (venv / "ready").touch()
    return python


def machine():
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} logical cores, {platform.system()} {platform.release()}"


def run_peer(python, model, options):
    command = [python, HERE / "peer_llama_cpp.py", model, options.prompt, options.generate, options.depth,
               options.threads, 1]
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def run_lemma(cli, model, options):
    """One round of lemma-cli bench: {"prompt": tokens/s, "generate": tokens/s}."""
    command = [cli, "bench", "-m", model, "-p", options.prompt, "-n", options.generate, "-d", options.depth, "-r", 1,
               "-t", options.threads, "-tb", options.threads, "--json"]
    rows = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
    return {row["kind"]: row["tps"] for row in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-m", dest="models", action="append", type=Path, metavar="FILE", help="default: the default model")
    parser.add_argument("-p", dest="prompt", type=int, default=512)
    parser.add_argument("-n", dest="generate", type=int, default=128)
    parser.add_argument("-d", dest="depth", type=int, default=0, help="tokens in the cache before")
    parser.add_argument("-t", dest="threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-r", dest="rounds", type=int, default=5)
    parser.add_argument("--cli", type=Path, default=ROOT / "build/release/bin/lemma-cli")
    options = parser.parse_args()
    models = options.models or [home("XDG_DATA_HOME", ".local/share") / "models/SmolLM2-135M-Instruct.Q4_1.gguf"]
    if missing := [str(p) for p in [options.cli, *models] if not p.exists()]:
        print(f"{', '.join(missing)} is not there; ./run --build-only builds, ./run fetches the model.", file=sys.stderr)
        return 1
    python = peer_python()
    version = subprocess.run([options.cli, "--version"], check=True, capture_output=True, text=True).stdout.strip()

    rows, peer_version = [], ""
    for model in models:
        ours, theirs = {"prompt": [], "generate": []}, {"prompt": [], "generate": []}
        for round_number in range(options.rounds):
            turns = [("ours", ours), ("theirs", theirs)]
            for name, samples in turns if round_number % 2 == 0 else reversed(turns):
                if name == "ours":
                    result = run_lemma(options.cli, model, options)
                    samples["prompt"].append(result["prompt"])
                    samples["generate"].append(result["generate"])
                else:
                    result = run_peer(python, model, options)
                    samples["prompt"] += result["prompt"]
                    samples["generate"] += result["generate"]
                    peer_version = result["version"]
            print(f"{model.name}: round {round_number + 1} of {options.rounds}", file=sys.stderr)
        for kind, tokens in (("prompt", options.prompt), ("generate", options.generate)):
            mine, peer = statistics.median(ours[kind]), statistics.median(theirs[kind])
            rows.append(f"| {model.name} | {kind} {tokens} | {mine:.1f} ({min(ours[kind]):.1f} to {max(ours[kind]):.1f}) "
                        f"| {peer:.1f} ({min(theirs[kind]):.1f} to {max(theirs[kind]):.1f}) | {mine / peer:.2f} |")
    now = datetime.datetime.now(datetime.timezone.utc)
    print(f"{now:%Y-%m-%d %H:%M} UTC, {machine()}, {options.threads} threads, depth {options.depth}, "
          f"{options.rounds} rounds in turn")
    print(f"{version}; {peer_version}, native build\n")
    print("| file | tokens | Lemma tok/s (range) | llama.cpp tok/s (range) | ratio |\n|---|---|---|---|---|")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
