"""Each rule must catch its breach on a small repository made for it, and pass the same one without the breach."""
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from check_repository import HEADINGS, PRESETS, TEST_PRESETS, check


def good():
    presets = {kind + "Presets": [{"name": n} for n in names]
               for kind, names in (("configure", PRESETS), ("build", PRESETS), ("test", TEST_PRESETS))}
    return {"CMakePresets.json": json.dumps(presets), "kernels/README.md": "one line\n",
            "resources/README.md": "one line\n", "resources/docs/decisions/0001-a-choice.md": "\n".join(HEADINGS)}


BREACHES = [
    ("large.bin", "x" * 1_000_001, "large.bin: 1000001 bytes"),
    ("kernels/a.cpp", "// see /ho" + "me/somebody/notes.txt\n", "kernels/a.cpp:1: names a path"),
    ("installer/a.cmake", "", "installer: has no README.md"),
    ("kernels/README.md", "line\n" * 21, "kernels/README.md: 21 lines"),
    ("CMakePresets.json", "{}", "no configure preset"),
    ("resources/docs/decisions/0002-b.md", "## Context\n", "its headings are not"),
    ("resources/docs/decisions/0002-b.md", "\n".join(HEADINGS + ["x"] * 22), "26 lines"),
    ("resources/docs/decisions/second.md", "\n".join(HEADINGS), "its name is not"),
]


class CheckRepository(unittest.TestCase):
    def breaches(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            subprocess.run(["git", "init", "-q"], cwd=root, check=True)
            subprocess.run(["git", "add", "."], cwd=root, check=True)
            return check(root)[0]

    def test_good(self):
        self.assertEqual(self.breaches(good()), [])

    def test_breaches(self):
        for name, text, want in BREACHES:
            with self.subTest(name=name, want=want):
                found = self.breaches({**good(), name: text})
                self.assertTrue(any(want in f for f in found), found)
                self.assertTrue(all(f.startswith(name.split("/")[0]) for f in found), found)


if __name__ == "__main__":
    unittest.main()
