#!/usr/bin/python3
"""The whole program as its user meets it: a window, the default model, a question typed, the program killed, started again.

usage: chat_window_test.py LEMMA        (inside dbus-run-session; exit 77 = skipped, with the reason)

Types a question, sees the thought and then the answer stream in, asks a second one, kills the program with SIGKILL in
mid-stream, starts it again and finds every text that had been on the screen half a second before.
"""
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import needs
from needs import MODEL

model = needs.default_model()
needs.programs("Xvfb", "openbox", "xdotool")
from desktop import Desktop, Screen, wait_for  # noqa: E402  (only now is it known that it can be)
from gi.repository import Atspi  # noqa: E402

lemma = Path(sys.argv[1])
pictures = needs.pictures()


class Reader:
    """Reads the thread over and over, and remembers what was on the screen when."""

    def __init__(self, screen):
        self.screen = screen
        self.seen = []  # (time, texts)

    def texts(self):
        found = [(role, name) for role, name in self.screen.below("list", "Conversation") if name]
        self.seen.append((time.monotonic(), found))
        return found

    def at(self, moment):
        """What the last look before `moment` saw."""
        return [texts for when, texts in self.seen if when <= moment][-1]


def ask(desktop, screen, question):
    # The model must be ready: only then can the question be sent.
    def ready():
        composer = screen.find("text", "Question")
        return composer and not screen.find("label", "Loading")

    wait_for("the composer", ready, 60)
    wait_for("the model to be loaded", lambda: "model loaded" in log_text(), 60)
    desktop.type(question)
    wait_for("Send to be offered", lambda: (b := screen.find("push button", "Send")) and screen.enabled(b), 20)
    desktop.press("Return")


def log_text():
    log = folder / "state/lemma/lemma.log"
    return log.read_text() if log.exists() else ""


# In memory, where there is such a folder: a disk that stalls for a second must not count as the program's delay.
memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
folder = Path(tempfile.mkdtemp(prefix="lemma-e2e-", dir=memory))
models = folder / "data/lemma/models"
models.mkdir(parents=True)
(models / MODEL).symlink_to(model.resolve())
desktop = Desktop(folder)
programs = []


def start():
    # A long thought, so that there is time to look at it; the seed makes the words the same each time.
    program = desktop.start(lemma, "--set", "seed=7", "--set", "think=400")
    programs.append(program)
    screen = Screen(program.pid)
    wait_for("the window", lambda: screen.find("text", "Question"), 60)
    return program, screen


try:
    first, screen = start()
    reader = Reader(screen)
    ask(desktop, screen, "Why is the sky blue?")

    wait_for("the question in the thread",
             lambda: any("You asked: Why is the sky blue?" in n for _, n in reader.texts()), 30)
    wait_for("the thinking panel", lambda: any(n.startswith("Thinking for") for _, n in reader.texts()), 60)
    wait_for("thought text", lambda: sum(len(n) for r, n in reader.texts() if r == "label" and not n.startswith("You asked")) > 60, 120)
    if pictures:
        desktop.screenshot(pictures / "thinking.png")
    wait_for("the thought to end and fold", lambda: any(n.startswith("Thought for") for _, n in reader.texts()), 240)
    wait_for("answer text",
             lambda: any(n == "Answer" for _, n in reader.texts()) and
             sum(len(n) for r, n in reader.texts() if r == "label" and not n.startswith("You asked")) > 20, 120)
    wait_for("the speed line", lambda: any(n.startswith("Speed:") for _, n in reader.texts()), 240)
    if pictures:
        desktop.screenshot(pictures / "answered.png")

    # What was read is parked behind the answer, where the disk has room for it, for this person only.
    parked = folder / "cache/lemma/parked"
    if shutil.disk_usage(folder).free > 2 << 30:
        wait_for("the conversation to be parked", lambda: parked.is_dir() and list(parked.glob("*.kv")), 20)
        modes = {oct(p.stat().st_mode & 0o777) for p in [parked, *parked.glob("*.kv")]}
        if modes != {"0o700", "0o600"}:
            raise AssertionError(f"what is parked has the modes {modes}")

    # The second question is cut off in the middle of its thought: one that takes a while on a quick machine, too.
    ask(desktop, screen, "Explain step by step how a rainbow forms.")
    wait_for("the second thought",
             lambda: any(n.startswith("Thinking for") for _, n in reader.texts()), 60)
    started = time.monotonic()
    while time.monotonic() - started < 1.5:
        reader.texts()
    first.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    first.wait()

    on_screen = [n for _, n in reader.at(killed - 0.5)]
    second, screen = start()
    reader = Reader(screen)
    wait_for("the conversation to be shown again",
             lambda: any("how a rainbow forms" in n for _, n in reader.texts()), 30)
    # The cut thought is folded: open it to read it.
    from gi.repository import Atspi

    def thoughts_open():
        folded = [item for _, name, item in screen.items()
                  if name.startswith("Thought") and "folded" in (item.get_description() or "")]
        for item in folded:
            for i in range(Atspi.Action.get_n_actions(item)):
                if Atspi.Action.get_action_name(item, i) in ("Press", "Toggle"):
                    Atspi.Action.do_action(item, i)
                    break
        return not folded

    wait_for("the panels to open", thoughts_open, 10, every=0.5)
    everything = "\n".join(n for _, n in reader.texts())
    if pictures:
        desktop.screenshot(pictures / "after-kill.png")
    ignored = ("Thinking for", "Thought for", "Speed:", "Copy", "Answer now", "Stop", "Regenerate", "Continue", "Reading")
    missing = [text for text in on_screen
               if not text.startswith(ignored) and text not in everything
               # The live panel shows the end of the thought: its last lines, which must be in the whole.
               and "".join(text.split()) not in "".join(everything.split())]
    if missing:
        print("on the screen before the kill:", on_screen, sep="\n  ")
        print("after the start:", everything, sep="\n")
        raise AssertionError(f"lost: {missing}")
    if not any(t.startswith("Thinking for") for t in on_screen):
        raise AssertionError(f"the program was not killed in mid-thought: {on_screen}")
    if sum(map(len, on_screen)) < 120:
        raise AssertionError(f"hardly any text was on the screen before the kill: {on_screen}")
    print(f"{len(on_screen)} texts, {sum(map(len, on_screen))} characters found again after SIGKILL")
except AssertionError as error:
    print("FAILED:", error)
    print(Screen(programs[-1].pid).dump() if programs else "no program was started")
    print(log_text())
    sys.exit(1)
finally:
    for program in programs:
        if program.poll() is None:
            program.send_signal(signal.SIGTERM)
            try:
                program.wait(10)
            except Exception:
                program.kill()
    desktop.close()
    shutil.rmtree(folder, ignore_errors=True)
