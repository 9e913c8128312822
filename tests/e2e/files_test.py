#!/usr/bin/python3
"""Conversations through the window's file dialogs: a file in by Ctrl+I, its conversation out again by Ctrl+S.

usage: files_test.py LEMMA        (inside dbus-run-session; exit 77 = skipped, with the reason)

No model is needed: what the store holds is shown without one.
"""
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import needs

needs.programs("Xvfb", "openbox", "xdotool")
from desktop import Desktop, Screen, wait_for  # noqa: E402  (only now is it known that it can be)
from gi.repository import Atspi  # noqa: E402

ID, QUESTION, ANSWER = (f"018f0000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))


def message(n, parent, role, parts):
    return {"id": n, "parent": parent, "role": role, "state": "complete", "created_at": 1,
            "parts": [{"kind": kind, "mime": "text/markdown", "text": text} for kind, text in parts]}


def conversations(file):
    return json.loads(file.read_text())["conversations"]


lemma = Path(sys.argv[1]).resolve()
pictures = needs.pictures()
folder = Path(tempfile.mkdtemp(prefix="lemma-files-"))
files = folder / "files"  # the dialogs open in the working folder; nothing else lies in it
files.mkdir()
given = files / "given.json"
given.write_text(json.dumps({"schema": "lemma.conversations/1", "conversations": [{
    "id": ID, "title": "Blue sky", "created_at": 1, "updated_at": 2, "current": ANSWER, "messages": [
        message(QUESTION, None, "user", [("text", "Why is it blue?")]),
        message(ANSWER, QUESTION, "assistant", [("think", "hm"), ("answer", "Because of Rayleigh.")])]}]}))
os.chdir(files)
desktop = Desktop(folder)
program = desktop.start(lemma)
screen = Screen(program.pid)


def picture(name):
    if pictures:
        desktop.screenshot(pictures / name)


def shown(role, name):
    """That item once it stands still: dialogs come in moving."""
    def where():
        item = screen.find(role, name)
        place = item and item.get_extents(Atspi.CoordType.SCREEN)
        return place and (place.x, place.y, place.width, place.height)

    def still():
        before = where()
        time.sleep(0.2)
        return before if before and before == where() else None

    return wait_for(f"{role} {name}", still, 30)


def click(role, name, times=1):
    x, y, width, height = shown(role, name)
    desktop.click(x + width // 2, y + height // 2, times)


def press_for(key, role, name):
    """The key opens what is named; a window that has just come may not have the keyboard yet."""
    def opened():
        desktop.press(key)
        try:
            return wait_for(name, lambda: screen.find(role, name), 5)
        except AssertionError:
            return None

    return wait_for(f"{role} {name}", opened, 30)


try:
    wait_for("the window", lambda: screen.find("text", "Question"), 60)
    press_for("ctrl+i", "dialog", "Import conversations")
    shown("label", "given.json")
    picture("import.png")
    click("label", "given.json", 2)
    wait_for("what came in", lambda: screen.find("alert", "Imported: 1."), 30)
    wait_for("the conversation in the list", lambda: screen.find("list item", "Blue sky"), 30)
    picture("imported.png")
    click("list item", "Blue sky")
    wait_for("its answer", lambda: any("Rayleigh" in name for _, name, _ in screen.items()), 30)

    # The pointer is still on the row, which shows its button.
    click("push button", "More for Blue sky")
    shown("menu item", "Rename")
    picture("row-menu.png")
    click("menu item", "Rename")
    wait_for("the field for the title", lambda: screen.find("text", "Title"), 30)
    desktop.type("Why it is blue")
    desktop.press("Return")
    wait_for("the new title", lambda: screen.find("list item", "Why it is blue"), 30)

    press_for("ctrl+s", "dialog", "Export the conversation")
    picture("export.png")
    click("push button", "Save")
    out = wait_for("the file", lambda: next((f for f in files.glob("*.json") if f != given), None), 30)
    picture("exported.png")
    (there,), (here,) = conversations(out), conversations(given)  # a file of that name is whole
    assert out.name == "Why it is blue.json" and there["title"] == "Why it is blue", there
    assert all(there[key] == here[key] for key in ("id", "current", "messages")), there
    assert program.poll() is None
except AssertionError:
    print(screen.dump())
    raise
finally:
    program.send_signal(signal.SIGKILL)
    program.wait()
    desktop.close()
    shutil.rmtree(folder, ignore_errors=True)
