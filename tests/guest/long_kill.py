#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rule 7: a guest killed with SIGKILL at random moments, 1,000 times, while two others copy.  The others' data is
always right, and nothing leaks: descriptors, memory, channels, VRAM.  GPUVM_KILLS changes the number."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from tap import Daemon, Tap, make_file, prog  # noqa: E402

KILLS = int(os.environ.get("GPUVM_KILLS", "1000"))
SEED = int(os.environ.get("GPUVM_SEED", "1"))
t = Tap()
rng = random.Random(SEED)


class Copier:
    """A guest that copies and compares for ever; a new one follows each that ended well."""

    def __init__(self, d, name, path):
        self.d, self.name, self.path, self.rounds, self.bad = d, name, path, 0, None
        self.start()

    def start(self):
        self.proc = subprocess.Popen([prog("gpuvm"), "run", "--socket", self.d.path, "--vram", "64M", "--name",
                                      f"{self.name}.{self.rounds}", "--", prog("gpuvm-copy"), "--json", "--repeat",
                                      "20", self.path],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def look(self):
        code = self.proc.poll()
        if code is None:
            return
        if code:
            self.bad = self.bad or f"{self.name}: exit {code}: {self.proc.stderr.read().decode()[-300:]}"
        self.rounds += 1
        self.start()

    def finish(self):
        self.proc.wait()
        if self.proc.returncode:
            self.bad = self.bad or f"{self.name}: exit {self.proc.returncode}"
        return self.rounds + 1


def kill_one(d, path, i):
    p = subprocess.Popen([prog("gpuvm"), "run", "--socket", d.path, "--vram", "64M", "--name", f"victim{i}", "--",
                          prog("gpuvm-copy"), "--repeat", "100000", path],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         start_new_session=True)
    # From before the attach to the middle of the copying.
    time.sleep(rng.uniform(0, 0.12) if i % 4 else rng.uniform(0.1, 0.5))
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()


with tempfile.TemporaryDirectory(prefix="gpuvm-kill-") as scratch:
    path = make_file(scratch, "data", 2 << 20)
    d = Daemon("--log", "error")
    # Warm up first, so that what is allocated once is not taken for a leak.
    for i in range(20):
        kill_one(d, path, i)
    base = d.wait_no_guests()
    fds, rss = d.nr_fds(), d.rss_kib()
    pair = [Copier(d, "left", path), Copier(d, "right", path)]
    dirty = None
    for i in range(KILLS):
        kill_one(d, path, i)
        for c in pair:
            c.look()
        if i % 20 == 0:
            a = d.audit()
            if a["violations"]:
                dirty = dirty or a["text"]
        if i % 100 == 99:
            print(f"  # {i + 1} kills, {sum(c.rounds for c in pair)} rounds by the others", flush=True)
    rounds = sum(c.finish() for c in pair)
    end = d.wait_no_guests()
    a = d.audit()
    t.ok(not pair[0].bad and not pair[1].bad, f"the others' data was right in all of {rounds} rounds",
         f"{pair[0].bad}\n{pair[1].bad}")
    t.ok(not dirty and not a["violations"], "the isolation audit stayed clean", dirty or a["text"])
    t.ok(d.proc.poll() is None, f"the daemon survived {KILLS} kills", d.text())
    t.ok(d.nr_fds() <= fds, "no descriptor leaked", f"{fds} before, {d.nr_fds()} after")
    t.ok(end["host"]["vram_free"] == base["host"]["vram_free"], "no VRAM leaked", end["host"])
    t.ok(end["host"]["chans_free"] == base["host"]["chans_free"], "no channel leaked", end["host"])
    t.ok(end["host"]["heap_used"] == base["host"]["heap_used"], "no shadow table leaked", end["host"])
    # The allocator and the card's own VRAM may keep some; one guest's state a kill would be hundreds of MiB.
    end_rss = d.rss_kib()
    t.ok(end_rss < rss + 16 * 1024, "no memory leaked", f"{rss} KiB before, {end_rss} after")
    t.ok(d.stop() == 0, "the daemon ends with 0")
t.end()
