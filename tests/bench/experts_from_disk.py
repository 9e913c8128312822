#!/usr/bin/env python3
"""Times a model that is larger than memory: experts mapped beside experts from the disk, in a control group whose memory is
held to a share of the file. Before that, what the disk gives: random direct reads at several depths and sizes.

expert_shape.py writes such a file. Needs the right to make a control group (root); the file's pages are dropped from the
cache before each run, so that the group pays for all it reads.
"""
import argparse
import ctypes
import json
import mmap
import os
import pathlib
import random
import subprocess
import threading
import time

LARGE_PAGE = 2 << 20


class Group:
    """A control group with a limit on memory; version 1 or 2, whichever has the controller."""

    def __init__(self, limit):
        v1 = pathlib.Path("/sys/fs/cgroup/memory")
        self.folder = (v1 if v1.exists() else pathlib.Path("/sys/fs/cgroup")) / f"lemma-{os.getpid()}"
        self.folder.mkdir()
        (self.folder / ("memory.limit_in_bytes" if v1.exists() else "memory.max")).write_text(str(limit))

    def join(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(50):  # what ended a moment ago still counts
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(0.1)


def drop_pages(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def disk_speed(path, depth, size, total):
    """MB/s of `depth` threads that read pieces of `size` bytes at random places of the file into large pages."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    blocks = (os.path.getsize(path) - size) // 4096

    def read(seed, count):
        places = random.Random(seed)
        memory = mmap.mmap(-1, size + 2 * LARGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        first = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % LARGE_PAGE
        for _ in range(count):
            assert os.preadv(fd, [memoryview(memory)[first : first + size]], places.randrange(blocks) * 4096) == size

    count = max(1, total // size // depth)
    threads = [threading.Thread(target=read, args=(i * 7919 + depth + size, count)) for i in range(depth)]
    start = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.monotonic() - start
    os.close(fd)
    return count * depth * size / took / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--cli", default="build/release/bin/lemma-cli")
    parser.add_argument("--share", type=float, default=0.5, help="of the file that memory is held to")
    parser.add_argument("-n", type=int, default=16, help="tokens a sample; one sample before warms up")
    parser.add_argument("-p", type=int, default=0, help="tokens of a prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--modes", default="mapped,disk")
    parser.add_argument("--disk", action="store_true", help="measure the disk alone first")
    o = parser.parse_args()
    if o.disk:
        for size in (1 << 20, 2 << 20, 4 << 20):
            speeds = [f"{disk_speed(o.model, depth, size, 1 << 30):6.0f} at depth {depth}" for depth in (1, 4, 16)]
            print(f"reads of {size >> 20} MiB, MB/s: " + ", ".join(speeds), flush=True)
    limit = int(os.path.getsize(o.model) * o.share) // 4096 * 4096
    print(f"memory held to {limit / 1e9:.2f} GB of {os.path.getsize(o.model) / 1e9:.2f}", flush=True)
    for _ in range(o.rounds):
        for mode in o.modes.split(","):
            drop_pages(o.model)
            command = [o.cli, "bench", "-m", o.model, "-p", str(o.p), "-n", str(o.n), "-r", "1", "-t", str(o.threads)]
            with Group(limit) as group:
                run = subprocess.run(command + ["--experts", mode, "--json", "--verbose"], preexec_fn=group.join,
                                     capture_output=True, text=True)
            if run.returncode != 0:
                print(f"{mode}: exit {run.returncode}: {run.stderr.strip()}", flush=True)
                continue
            for row in json.loads(run.stdout):
                print(f"{mode:8s} {row['kind']} {row['tokens']}: {row['tps']:.2f} tok/s", flush=True)
            print(run.stderr, end="", flush=True)


if __name__ == "__main__":
    main()
