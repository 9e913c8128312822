#!/usr/bin/env python3
"""lemma --export and --import: no display, one store into another and back, and a sentence where it cannot be."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LEMMA = sys.argv[1]
ID, QUESTION, ANSWER = (f"018f0000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))


def lemma(home, *options):
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    env = {k: v for k, v in os.environ.items() if k not in hidden}
    env |= {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "STATE", "CACHE")}
    env["XDG_RUNTIME_DIR"] = str(home)
    return subprocess.run([LEMMA, *map(str, options)], env=env, capture_output=True, text=True, timeout=60)


def must(done, code, words):
    said = done.stdout if code == 0 else done.stderr
    assert done.returncode == code and words in said, (done.returncode, done.stdout, done.stderr)


def message(n, parent, role, parts):
    return {"id": n, "parent": parent, "role": role, "state": "complete", "created_at": 1,
            "parts": [{"kind": kind, "mime": "text/markdown", "text": text} for kind, text in parts]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder, "here"), Path(folder, "there")
        here.mkdir(mode=0o700), there.mkdir(mode=0o700)
        given, first, second, page = (Path(folder, n) for n in ("given.json", "first.json", "second.json", "page.md"))
        given.write_text(json.dumps({"schema": "lemma.conversations/1", "conversations": [{
            "id": ID, "title": "Why", "created_at": 1, "updated_at": 2, "current": ANSWER, "messages": [
                message(QUESTION, None, "user", [("text", "Why?")]),
                message(ANSWER, QUESTION, "assistant", [("think", "hm"), ("answer", "Because.")])]}]}))
        must(lemma(here, "--import", given), 0, "Imported: 1. Already here: 0. As copies: 0.")
        must(lemma(here, "--import", given), 0, "Imported: 0. Already here: 1. As copies: 0.")
        must(lemma(here, "--export", first), 0, f"Exported to {first}.")
        must(lemma(there, f"--import={first}"), 0, "Imported: 1.")
        must(lemma(there, "--export", second, "--conversation", ID), 0, "Exported")
        one, two = (json.loads(f.read_text()) for f in (first, second))
        assert one.pop("exported_at") > 0 and two.pop("exported_at") > 0
        assert one == two and len(one["conversations"][0]["messages"]) == 2, (one, two)

        must(lemma(here, "--export", page, "--conversation", ID), 0, "Exported")
        assert page.read_text() == "# Why\n\n## Question\n\nWhy?\n\n## Answer\n\n> **Thought**\n>\n> hm\n\nBecause.\n"
        must(lemma(here, "--export", page, "--conversation", ID, "--without-thoughts"), 0, "Exported")
        assert "hm" not in page.read_text() and "Because." in page.read_text()

        broken = Path(folder, "broken.json")
        broken.write_text('{"schema": "lemma.conversations/9", "conversations": []}')
        must(lemma(here, "--import", broken), 2, "schema: lemma.conversations/9 is of another Lemma than this one")
        must(lemma(here, "--import", Path(folder, "none")), 2, "none could not be read: No such file or directory.")
        must(lemma(here, "--export", folder), 2, "is not a file.")
        must(lemma(here, "--export", page), 2, "say which by --conversation.")
        must(lemma(here, "--export", first, "--import", first), 2, "either --export or --import")
        must(lemma(here, "--export", first, "--conversation", "x"), 2, "--conversation wants")
        must(lemma(here, "--export", first, "--conversation", QUESTION), 2, "There is no conversation")


if __name__ == "__main__":
    main()
