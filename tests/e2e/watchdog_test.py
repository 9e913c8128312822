#!/usr/bin/python3
"""An engine that stands still, a process that was stopped, a program that is killed while it loads a model by itself.

usage: watchdog_test.py LEMMA        (inside dbus-run-session; exit 77 = skipped, with the reason)

The engine's thread alone is stopped, as a debugger would: what it wrote is kept, one sentence says so, the next question
is answered by another engine. A process that was stopped as a whole goes on as if nothing had been. A program that was
killed in the middle of loading a model by itself waits with that model at the next start.
"""
import ctypes
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import needs
from needs import MODEL

STALL_AFTER = 3  # seconds
SENTENCE = "The engine stood still for too long"
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # threads, too

model = needs.default_model()
needs.programs("Xvfb", "openbox", "xdotool")
from desktop import Desktop, Screen, wait_for  # noqa: E402  (only now is it known that it can be)
from gi.repository import Atspi  # noqa: E402

lemma = Path(sys.argv[1])
pictures = needs.pictures()
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def engine_threads(program):
    found = []
    for task in Path(f"/proc/{program.pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() == "lemma-engine":
                found.append(int(task.name))
        except OSError:
            pass  # it has just ended
    return sorted(found)  # the one that owns the engine first; its helpers, made later, have its name


class Stopped:
    """One thread of a program, stopped while it waits for something: then it holds no lock that others need."""

    def __init__(self, tid):
        self.tid = tid
        if libc.ptrace(PTRACE_SEIZE, tid, None, None) != 0:
            needs.skip(f"this machine lets nobody stop a single thread: {os.strerror(ctypes.get_errno())}")
        for _ in range(1000):
            libc.ptrace(PTRACE_INTERRUPT, tid, None, None)
            os.waitpid(tid, WAIT_ALL)
            if Path(f"/proc/{tid}/syscall").read_text().split()[0] in ("202", "98"):  # futex on x86-64, on ARM
                return
            libc.ptrace(PTRACE_DETACH, tid, None, None)
            time.sleep(0.002)
            libc.ptrace(PTRACE_SEIZE, tid, None, None)
        raise AssertionError("the engine's thread never waits")

    def let_go(self):
        libc.ptrace(PTRACE_DETACH, self.tid, None, None)


def rows(query):
    with sqlite3.connect(f"file:{folder}/data/lemma/lemma.db?mode=ro", uri=True) as db:
        return db.execute(query).fetchall()


def last_answer():
    """State and text of the answer that came last."""
    found = rows("SELECT lower(hex(id)), state FROM message WHERE role = 'assistant' ORDER BY created_at DESC LIMIT 1")
    if not found:
        return None, ""
    texts = rows(f"""SELECT part.text, (SELECT group_concat(text, '') FROM
                       (SELECT text FROM part_draft WHERE part_id = part.id ORDER BY n))
                     FROM part WHERE lower(hex(message_id)) = '{found[0][0]}' AND kind != 'error' ORDER BY seq""")
    return found[0][1], "".join(saved + (draft or "") for saved, draft in texts)


def loading_marker():
    found = rows("SELECT json FROM app_state WHERE key = 'loading_model'")
    return found[0][0] if found else ""


def log_text():
    log = folder / "state/lemma/lemma.log"
    return log.read_text() if log.exists() else ""


memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
folder = Path(tempfile.mkdtemp(prefix="lemma-e2e-", dir=memory))
models = folder / "data/lemma/models"
models.mkdir(parents=True)
(models / MODEL).symlink_to(model.resolve())
desktop = Desktop(folder)
programs = []


def start():
    program = desktop.start(lemma, "--set", "seed=7", "--set", "think=2000", "--stall-after", STALL_AFTER)
    programs.append(program)
    return program, Screen(program.pid)


def ask(screen, question):
    wait_for("the composer", lambda: screen.find("text", "Question"), 60)
    wait_for("the model to be loaded", lambda: "model loaded" in log_text(), 60)
    # Keys go to whoever has the window manager's favour, which comes a moment after the window.
    wait_for("the window to be in front", lambda: in_front(screen), 60)
    desktop.type(question)
    wait_for("Send to be offered", lambda: (b := screen.find("push button", "Send")) and screen.enabled(b), 60)
    desktop.press("Return")


def in_front(screen):
    frame, composer = screen.find("frame", "Lemma"), screen.find("text", "Question")
    if frame and not frame.get_state_set().contains(Atspi.StateType.ACTIVE):  # it was there before the manager was
        subprocess.run(["xdotool", "search", "--onlyvisible", "--pid", str(screen.pid), "windowactivate"], check=False)
    return frame and composer and frame.get_state_set().contains(Atspi.StateType.ACTIVE) and \
        composer.get_state_set().contains(Atspi.StateType.FOCUSED)


def streams(at_least):
    state, text = last_answer()
    return state == "streaming" and len(text) >= at_least and text


try:
    program, screen = start()
    ask(screen, "Why is the sky blue?")
    wait_for("a thought", lambda: streams(60), 120)
    stuck = Stopped(engine_threads(program)[0])
    time.sleep(0.5)  # what was made before is on its way to the disk
    before = last_answer()[1]
    wait_for("the sentence", lambda: any(SENTENCE in n for _, n in screen.below("list", "Conversation")), 60)
    if pictures:
        desktop.screenshot(pictures / "stalled.png")
    state, text = wait_for("the answer to be sealed", lambda: (a := last_answer())[0] == "interrupted" and a, 20)
    if text != before or len(before) < 60:
        raise AssertionError(f"{before!r} was written and {text!r} was kept")

    ask(screen, "And the sea?")
    wait_for("the next answer", lambda: last_answer()[1] != text and streams(60), 120)
    if stuck.tid not in engine_threads(program):
        raise AssertionError("the engine that stood still is not there beside the other one")
    stuck.let_go()
    wait_for("the old engine to end by itself", lambda: stuck.tid not in engine_threads(program), 60)

    # Stopped as a whole, for longer than the engine may stand still: nobody was there to wait.
    program.send_signal(signal.SIGSTOP)
    time.sleep(STALL_AFTER + 2)
    before = last_answer()[1]
    program.send_signal(signal.SIGCONT)
    time.sleep(1)
    state, text = last_answer()
    if state == "interrupted" or not text.startswith(before):
        raise AssertionError(f"a process that was stopped is taken for one that hangs: {state}")
    program.send_signal(signal.SIGKILL)
    program.wait()

    # Killed while it loads by itself: the engine's thread is stopped before it is told to.
    program, screen = start()
    stuck = Stopped(wait_for("the engine's thread", lambda: engine_threads(program), 60, every=0.001)[0])
    wait_for("the load to be noted", lambda: MODEL in loading_marker(), 60)
    program.send_signal(signal.SIGKILL)
    os.waitpid(stuck.tid, WAIT_ALL)
    program.wait()
    loads = log_text().count("model loaded")

    program, screen = start()
    wait_for("a button to load it", lambda: screen.find("push button", "Load it anyway"), 60)
    if pictures:
        desktop.screenshot(pictures / "held.png")
    if log_text().count("model loaded") != loads:
        raise AssertionError("it was loaded all the same")
    wait_for("the window to be in front", lambda: in_front(screen), 60)

    def focused():
        button = screen.find("push button", "Load it anyway")
        if button and button.get_state_set().contains(Atspi.StateType.FOCUSED):
            return True
        desktop.press("Tab")
        return False

    wait_for("the keyboard to reach it", focused, 60, every=0.2)
    desktop.press("Return")
    wait_for("the model to be loaded", lambda: log_text().count("model loaded") == loads + 1, 60)
    wait_for("the note to be gone", lambda: MODEL not in loading_marker(), 20)
    program.send_signal(signal.SIGKILL)
    program.wait()

    program, screen = start()
    wait_for("it to be loaded by itself again", lambda: log_text().count("model loaded") == loads + 2, 60)
    print("text kept, sentence shown, next question answered; a model that ended the program waits")
except AssertionError as error:
    print("FAILED:", error)
    print(Screen(programs[-1].pid).dump() if programs else "no program was started")
    print(log_text())
    sys.exit(1)
finally:
    for program in programs:
        if program.poll() is None:
            program.send_signal(signal.SIGKILL)
    desktop.close()
    shutil.rmtree(folder, ignore_errors=True)
