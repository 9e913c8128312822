#!/usr/bin/env python3
"""How long the parts of the tests take: report_parts.py [BUILD_TREE], a table of labels with their tests and minutes.

Reads what ctest wrote down of its runs in that tree (Testing/Temporary/CTestCostData.txt: the mean time of each test
that ever ran there), so a test that has not run yet counts as such. Tests run side by side: the minutes are their sum,
not the time that somebody waited."""
import collections
import json
import pathlib
import subprocess
import sys

SLOW = 10  # seconds; what takes longer is labelled slow


def costs_of(text):
    """Seconds of each test, by ctest's lines of name, runs and mean."""
    costs = {}
    for line in text.split("\n---")[0].splitlines():
        name, _, cost = line.rsplit(" ", 2)
        costs[name] = float(cost)
    return costs


def labels_of(listing):
    """Label of each test; one without a label counts as fast."""
    labels = {}
    for test in listing["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        labels[test["name"]] = (properties.get("LABELS") or ["fast"])[0]
    return labels


def table(labels, costs):
    rows = collections.defaultdict(lambda: [0, 0, 0.0])
    for name, label in labels.items():
        row = rows[label, name.startswith("sanitized/")]
        row[0] += 1
        row[1] += name in costs
        row[2] += costs.get(name, 0)
    lines = ["| part | tests | of them timed | minutes |", "|---|---|---|---|"]
    for (label, sanitized), (tests, timed, seconds) in sorted(rows.items()):
        part = label + (", under ASan and UBSan" if sanitized else "")
        lines.append(f"| {part} | {tests:,} | {timed:,} | {seconds / 60:.1f} |")
    return lines


def main():
    tree = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release")
    times = tree / "Testing/Temporary/CTestCostData.txt"
    if not times.exists():
        sys.exit(f"no test has run in {tree}")
    listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=tree, capture_output=True, check=True).stdout
    labels, costs = labels_of(json.loads(listing)), costs_of(times.read_text())
    print("\n".join(table(labels, costs)))
    late = sorted((cost, name) for name, cost in costs.items() if labels.get(name) == "fast" and cost > SLOW)
    for cost, name in reversed(late):
        print(f"labelled fast, took {cost:.0f} s: {name}")


if __name__ == "__main__":
    main()
