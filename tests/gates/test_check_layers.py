"""The checker must catch each kind of breach, name its place, and leave what is allowed alone."""
import tempfile
import unittest
from pathlib import Path

from check_layers import check

CASES = [  # file, its third line, what the breach must say (None: allowed)
    ("kernels/cpu/a.cpp", '#include "engine/api/engine.h"', "kernels may not include engine"),
    ("kernels/a.h", "#include <engine/api/engine.h>", "kernels may not include engine"),
    ("kernels/a.cu", '#  include "app/main.h"', "kernels may not include app"),
    ("engine/a.cpp", '#include "kernels/api/op.h"', None),
    ("engine/b.cpp", '#include "storage/db.h"', "engine may not include storage"),
    ("engine/c.cpp", "#include <QString>", "no Qt in engine"),
    ("engine/d.cpp", "#include <QtCore/qstring.h>", "no Qt in engine"),
    ("engine/e.cpp", "#include <qstring.h>", "no Qt in engine"),
    ("engine/f.cpp", "#include <queue>", None),
    ("engine/g.cpp", '#include "../kernels/api/op.h"', "from the root"),
    ("storage/a.cpp", '#include "engine/api/types.h"', "storage may not include engine"),
    ("storage/b.cpp", '#include "kernels/api/op.h"', "storage may not include kernels"),
    ("ui/a.cpp", "#include <QObject>", None),
    ("ui/b.cpp", '#include "app/services.h"', "ui may not include app"),
    ("ui/c.cpp", '#include "engine/api/types.h"', "ui may not include engine"),
    ("app/a.cpp", '#include "ui/ports/chat_port.h"', None),
    ("app/b.cpp", '#include "storage/db.h"', None),
    ("app/c.cpp", '#include "kernels/api/op.h"', "app may not include kernels"),
    ("app/cli/a.cpp", "#include <QCoreApplication>", "no Qt in app/cli"),
    ("app/cli/b.cpp", '#include "ui/ports/chat_port.h"', "app/cli may not include ui"),
    ("app/cli/c.cpp", '#include "engine/api/engine.h"', None),
    ("app/cli/d.cpp", '#include "c.h"', None),
    ("app/cli/e.cpp", '// #include <QObject>', None),
]
HEADERS = ["engine/api/engine.h", "engine/api/types.h", "kernels/api/op.h", "storage/db.h", "ui/ports/chat_port.h",
           "app/main.h", "app/services.h", "app/cli/c.h"]


class CheckLayers(unittest.TestCase):
    def breaches(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return check(root)[0]

    def test_cases(self):
        for name, line, want in CASES:
            with self.subTest(name=name, line=line):
                found = self.breaches({**{h: "#pragma once\n" for h in HEADERS}, name: f"// a\n\n{line}\n"})
                if want is None:
                    self.assertEqual(found, [])
                else:
                    self.assertEqual(len(found), 1, found)
                    self.assertTrue(found[0].startswith(f"{name}:3: "), found[0])
                    self.assertIn(want, found[0])

    def test_counts_every_breach(self):
        found = self.breaches({"kernels/a.cpp": '#include "ui/b.h"\n#include "app/c.h"\n', "storage/d.h": "#include <QFile>\n"})
        self.assertEqual([f.split(": ")[0] for f in found], ["kernels/a.cpp:1", "kernels/a.cpp:2", "storage/d.h:1"])


if __name__ == "__main__":
    unittest.main()
