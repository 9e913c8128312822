"""The steps of installer/setup.sh on a checkout made for the test: what counts as fresh, and what the stamp of the model says."""
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

SETUP = Path(__file__).resolve().parents[2] / "installer/setup.sh"


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "lemma"
        for name in ("kernels", "engine/models", "storage", "app", "ui", "resources", "installer", "build/release/bin"):
            (self.root / name).mkdir(parents=True)
        for name in ("CMakeLists.txt", "CMakePresets.json", "engine/models/llama.cpp", "engine/models/qwen2.cpp"):
            (self.root / name).write_text("one\n")
        for name in ("lemma", "lemma-cli"):
            program = self.root / "build/release/bin" / name
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
        time.sleep(0.02)  # the stamp is younger than the sources by more than the clock's grain
        (self.root / "build/release/.fresh").write_text(f"{self.root}\n")
        time.sleep(0.02)

    def shell(self, command):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root.parent), "XDG_DATA_HOME": str(self.root.parent / "data")}
        script = f'set -uo pipefail; root="{self.root}"; source "{SETUP}"; {command}'
        return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)

    def fresh(self):
        return self.shell("programs_fresh").returncode == 0

    def test_untouched_is_fresh(self):
        self.assertTrue(self.fresh())

    def test_edit(self):
        (self.root / "engine/models/llama.cpp").write_text("two\n")
        self.assertFalse(self.fresh())

    def test_edit_with_an_old_modification_time(self):
        file = self.root / "engine/models/llama.cpp"
        file.write_text("two\n")
        os.utime(file, (1, 1))
        self.assertFalse(self.fresh())

    def test_new_file(self):
        (self.root / "engine/models/mistral.cpp").write_text("one\n")
        self.assertFalse(self.fresh())

    def test_deleted_file(self):
        (self.root / "engine/models/qwen2.cpp").unlink()
        self.assertFalse(self.fresh())

    def test_missing_program(self):
        (self.root / "build/release/bin/lemma").unlink()
        self.assertFalse(self.fresh())

    def test_missing_source_folder(self):
        (self.root / "ui").rmdir()
        self.assertFalse(self.fresh())

    def test_moved_checkout(self):
        moved = self.root.with_name("moved")
        self.root.rename(moved)
        self.root = moved
        self.assertFalse(self.fresh())

    def test_programs_themselves_do_not_count_as_sources(self):
        (self.root / "build/release/bin/lemma").write_text("#!/bin/sh\n# built again\n")
        self.assertTrue(self.fresh())

    def test_model_stamp(self):
        model = self.root.parent / "data/lemma/models/SmolLM2-135M-Instruct.Q4_1.gguf"
        model.parent.mkdir(parents=True)
        self.assertNotEqual(self.shell("model_ready").returncode, 0)
        model.write_bytes(b"GGUF")
        self.assertNotEqual(self.shell("model_ready").returncode, 0)
        status = model.stat()
        Path(f"{model}.verified").write_text(f"{status.st_size} {int(status.st_mtime)}\n")
        self.assertEqual(self.shell("model_ready").returncode, 0)
        os.utime(model, (status.st_mtime + 5, status.st_mtime + 5))
        self.assertNotEqual(self.shell("model_ready").returncode, 0)

    def test_installed_packages_are_left_alone(self):
        packages = self.root / "packages.txt"
        packages.write_text("# comment\nbash  # behind a name\n\nno-such-package-of-lemma?\n")
        result = self.shell(f'apt-get() {{ echo called; }}; as_root() {{ echo called; }}; install_packages "{packages}"')
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_missing_packages_are_asked_for_once(self):
        packages = self.root / "packages.txt"
        packages.write_text("bash\nno-such-package-of-lemma\n")
        result = self.shell(f'sudo() {{ :; }}; as_root() {{ echo "$@"; }}; install_packages "{packages}"')
        installs = [line for line in result.stdout.splitlines() if " install " in line]
        self.assertEqual(len(installs), 1, result.stdout + result.stderr)
        self.assertTrue(installs[0].endswith(" install no-such-package-of-lemma"), installs[0])

    def test_certificates_go_to_apt_and_proxies_through_sudo(self):
        packages = self.root / "packages.txt"
        packages.write_text("no-such-package-of-lemma\n")
        result = self.shell('export SSL_CERT_FILE=/etc/own.pem https_proxy=http://proxy:3128; id() { echo 1000; }; '
                            f'sudo() {{ echo sudo "$@"; }}; install_packages "{packages}"')
        install = [line for line in result.stdout.splitlines() if " install " in line][0]
        self.assertTrue(install.startswith("sudo env https_proxy=http://proxy:3128 SSL_CERT_FILE=/etc/own.pem "), install)
        self.assertIn("-o Acquire::https::CaInfo=/etc/own.pem", install)

    def test_without_sudo_it_says_what_to_do(self):
        packages = self.root / "packages.txt"
        packages.write_text("no-such-package-of-lemma\n")
        result = self.shell('id() { echo 1000; }; command() { [ "$2" != sudo ]; }; ' f'install_packages "{packages}"')
        self.assertEqual(result.returncode, 1)
        self.assertIn("as root run: apt-get install no-such-package-of-lemma", result.stderr)


if __name__ == "__main__":
    unittest.main()
