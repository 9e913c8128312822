#!/usr/bin/python3
"""A model whose chat template refuses one conversation: the failed answer offers the built-in format, which answers.

usage: refused_template_test.py LEMMA        (inside dbus-run-session; exit 77 = skipped, with the reason)

The model is the default one with another template in the old one's place. By keyboard alone the answer is asked for
again; what the template refused is kept beside it, and offers the same after the program was started anew.
"""
import shutil
import signal
import struct
import sys
import tempfile
from pathlib import Path

import needs
from needs import MODEL

# One that refused every conversation would be replaced when the model is loaded.
REFUSES = (b"{% if messages[-1]['content'] == 'Marmalade' %}{{ raise_exception('No marmalade.') }}{% endif %}"
           b"{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
           b"<|im_start|>assistant\n")
AGAIN = "Answer with the built-in format"

model = needs.default_model()
needs.programs("Xvfb", "openbox", "xdotool")
from desktop import Desktop, Screen, wait_for  # noqa: E402  (only now is it known that it can be)
from gi.repository import Atspi  # noqa: E402

pictures = needs.pictures()
folder = Path(tempfile.mkdtemp(prefix="lemma-e2e-"))


def write_model():
    models = folder / "data/lemma/models"
    models.mkdir(parents=True)
    content = bytearray(model.read_bytes())
    key = b"tokenizer.chat_template"
    at = content.index(key) + len(key)
    kind, length = struct.unpack_from("<IQ", content, at)
    assert kind == 8 and length >= len(REFUSES), (kind, length)
    content[at + 12:at + 12 + length] = REFUSES.ljust(length)
    (models / MODEL).write_bytes(content)


def log_text():
    log = folder / "state/lemma/lemma.log"
    return log.read_text() if log.exists() else ""


def start():
    program = desktop.start(sys.argv[1], "--set", "seed=7", "--set", "think=off", "--set", "max_tokens=24")
    programs.append(program)
    screen = Screen(program.pid)
    wait_for("the window", lambda: screen.find("text", "Question"), 60)
    return program, screen


def press_button(screen, name):
    """By keyboard: Tab until it has the focus, then Return."""
    def focused():
        button = screen.find("push button", name)
        if button and button.get_state_set().contains(Atspi.StateType.FOCUSED):
            return True
        desktop.press("Tab")
        return False

    wait_for(f"the focus to reach {name}", focused, 60, every=0.2)
    desktop.press("Return")


def end(program):
    program.send_signal(signal.SIGTERM)
    program.wait(20)


write_model()
desktop, programs = Desktop(folder), []
try:
    program, screen = start()
    wait_for("the model to be loaded", lambda: "model loaded" in log_text(), 60)
    desktop.type("Marmalade")
    wait_for("Send to be offered", lambda: (b := screen.find("push button", "Send")) and screen.enabled(b), 20)
    desktop.press("Return")
    wait_for("the other format to be offered", lambda: screen.find("push button", AGAIN), 30)
    assert any("No marmalade." in name for _, name, _ in screen.items()), "the reason is not shown"
    if pictures:
        desktop.screenshot(pictures / "refused.png")
    press_button(screen, AGAIN)
    wait_for("an answer", lambda: any(n.startswith("Speed:") for _, n, _ in screen.items()), 120)
    assert not screen.find("push button", AGAIN), "the answer that came still offers the other format"
    if pictures:
        desktop.screenshot(pictures / "answered-builtin.png")
    end(program)

    program, screen = start()
    wait_for("the other version to be offered", lambda: screen.find("push button", "Previous version"), 60)
    press_button(screen, "Previous version")
    wait_for("the other format to be offered again", lambda: screen.find("push button", AGAIN), 30)
    end(program)
    print("refused by the template, answered in the built-in format, and both kept")
except AssertionError as error:
    print("FAILED:", error)
    print(Screen(programs[-1].pid).dump() if programs else "no program was started")
    print(log_text())
    sys.exit(1)
finally:
    for program in programs:
        if program.poll() is None:
            program.kill()
            program.wait()
    desktop.close()
    shutil.rmtree(folder, ignore_errors=True)
