"""A desktop of its own for one end-to-end test: X server, window manager, message bus, screen reader's view, hands.

Run inside `dbus-run-session`, by the system's Python (the accessibility bindings are Debian packages). Everything the
program under test writes goes below one folder. Nothing here knows what Lemma does, only how a person reaches it.
"""
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402  (the version must be asked for first)


class Desktop:
    def __init__(self, folder: Path, width=1360, height=860):
        self.folder = folder
        read_end, write_end = os.pipe()
        self.x = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[write_end], stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as numbers:
            number = numbers.readline().strip()  # the whole line: the server listens only after it
        if not number:
            raise RuntimeError("Xvfb did not start")
        os.environ["DISPLAY"] = f":{number}"
        self.manager = subprocess.Popen(["openbox"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # It answers once it manages: a window that comes before it may be left without a picture or the keyboard.
        wait_for("the window manager", lambda: subprocess.run(
            ["xdotool", "get_num_desktops"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0, 60)
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_RUNTIME_DIR": str(runtime),
            "QT_QPA_PLATFORM": "xcb",
            "QT_QUICK_BACKEND": "software",  # there is no GPU behind Xvfb
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        }

    def start(self, *command):
        return subprocess.Popen([str(c) for c in command], env=self.environment)

    def close(self):
        for process in (self.manager, self.x):
            process.send_signal(signal.SIGTERM)
            process.wait(10)

    def screenshot(self, file: Path):
        if shutil.which("import"):
            subprocess.run(["import", "-window", "root", str(file)], check=False)

    @staticmethod
    def type(text):
        subprocess.run(["xdotool", "type", "--delay", "15", text], check=True)

    @staticmethod
    def press(*keys):
        subprocess.run(["xdotool", "key", *keys], check=True)

    @staticmethod
    def click(x, y, times=1):
        command = ["xdotool", "mousemove", str(x), str(y), "click", "--repeat", str(times), "--delay", "80", "1"]
        subprocess.run(command, check=True)


def wait_for(what, condition, seconds, every=0.05):
    """The first true value of condition(); an AssertionError that names `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(every)


class Screen:
    """What a screen reader hears of one program's window."""

    def __init__(self, pid):
        self.pid = pid

    def _application(self):
        Atspi.init()
        desktop = Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(i)
            try:
                if child and child.get_process_id() == self.pid:
                    return child
            except GLib.Error:
                continue  # a program that has just ended
        return None

    def items(self):
        """(role, name, item) of everything that is shown, in reading order."""
        found = []

        def walk(item, depth):
            if depth > 40:
                return
            try:
                item.clear_cache()
                states = item.get_state_set()
                if depth > 1 and not states.contains(Atspi.StateType.SHOWING):
                    return
                found.append((item.get_role_name(), item.get_name() or "", item))
                for i in range(item.get_child_count()):
                    child = item.get_child_at_index(i)
                    if child:
                        walk(child, depth + 1)
            except GLib.Error:
                return  # it went away while it was read

        application = self._application()
        if application:
            walk(application, 0)
        return found

    def find(self, role, name):
        for found_role, found_name, item in self.items():
            if found_role == role and name in found_name:
                return item
        return None

    def enabled(self, item):
        try:
            return item.get_state_set().contains(Atspi.StateType.ENABLED)
        except GLib.Error:
            return False

    def below(self, role, name):
        """Names of what is shown below the first item of that role and name."""
        top = self.find(role, name)
        if not top:
            return []
        names = []

        def walk(item, depth):
            if depth > 40:
                return
            try:
                for i in range(item.get_child_count()):
                    child = item.get_child_at_index(i)
                    if not child:
                        continue
                    names.append((child.get_role_name(), child.get_name() or ""))
                    walk(child, depth + 1)
            except GLib.Error:
                return

        walk(top, 0)
        return names

    def dump(self):
        return "\n".join(f"{role}: {name[:100]!r}" for role, name, _ in self.items())
