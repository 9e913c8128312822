#!/usr/bin/python3
"""Dark and light as the desktop's settings portal says, at the start and while the program runs; the window on the screen.

usage: appearance_test.py LEMMA        (inside dbus-run-session; exit 77 = skipped, with the reason)

The portal is played here: org.freedesktop.portal.Settings with its Read and its signal SettingChanged. The screen is
smaller than the window as designed, which must fit all the same.
"""
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import needs

needs.programs("Xvfb", "openbox", "xdotool", "import")
from desktop import Desktop, Screen, wait_for  # noqa: E402  (only now is it known that it can be)
from gi.repository import Gio, GLib  # noqa: E402

PATH, SETTINGS = "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings"
APPEARANCE = "org.freedesktop.appearance"
DARK, LIGHT = 1, 2
WIDTH, HEIGHT = 1200, 700
INTERFACE = f"""<node><interface name="{SETTINGS}">
  <method name="Read"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="v" direction="out"/></method>
  <signal name="SettingChanged"><arg type="s"/><arg type="s"/><arg type="v"/></signal>
</interface></node>"""


def answer(_bus, _sender, _path, _interface, _method, parameters, call):
    if parameters.unpack() == (APPEARANCE, "color-scheme"):
        call.return_value(GLib.Variant("(v)", (GLib.Variant("v", GLib.Variant("u", DARK)),)))
    else:
        call.return_dbus_error("org.freedesktop.portal.Error.NotFound", "Requested setting not found")


def brightness(x, y):
    """0 to 255 of one pixel of the screen."""
    command = ["import", "-silent", "-window", "root", "-crop", f"1x1+{x}+{y}", "-colorspace", "Gray", "-depth", "8",
               "gray:-"]
    return subprocess.run(command, capture_output=True, check=True).stdout[0]


bus = Gio.bus_get_sync(Gio.BusType.SESSION)
bus.register_object(PATH, Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], answer, None, None)
Gio.bus_own_name_on_connection(bus, "org.freedesktop.portal.Desktop", Gio.BusNameOwnerFlags.NONE, None, None)
threading.Thread(target=GLib.MainLoop().run, daemon=True).start()

folder = Path(tempfile.mkdtemp(prefix="lemma-appearance-"))
desktop = Desktop(folder, WIDTH, HEIGHT)
program = desktop.start(sys.argv[1])
try:
    thread = (WIDTH * 3 // 4, HEIGHT // 4)  # where nothing is written
    screen = Screen(program.pid)
    wait_for("the composer", lambda: screen.find("text", "Question"), 30)
    wait_for("a dark window", lambda: brightness(*thread) < 60, 20)
    setting = GLib.Variant("(ssv)", (APPEARANCE, "color-scheme", GLib.Variant("u", LIGHT)))
    bus.emit_signal(None, PATH, SETTINGS, "SettingChanged", setting)
    wait_for("a light window", lambda: brightness(*thread) > 200, 20)
    box = screen.find("text", "Question").get_extents(0)
    if box.x + box.width > WIDTH or box.y + box.height > HEIGHT:
        raise AssertionError(f"the composer ends at {box.x + box.width}, {box.y + box.height}, beyond the screen")
    print("dark, then light; the window fits the screen")
except AssertionError as error:
    print("FAILED:", error)
    print(screen.dump())
    sys.exit(1)
finally:
    program.send_signal(signal.SIGTERM)
    program.wait(10)
    desktop.close()
    shutil.rmtree(folder, ignore_errors=True)
