#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's clinfo and clpeak, unmodified, run to the end: natively, virtualized, and in two guests at once.  Every test
of clpeak prints a figure for every width; what the figures are is another matter (docs/measuring.md)."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from clpeak import FULL, NATIVE, SECTIONS, lost  # noqa: E402
from tap import Daemon, Tap  # noqa: E402
from work import GPUVM, why_not  # noqa: E402

# On Mesa 22.3 times come out a thousand times too short (docs/measuring.md); that of a launch rounds to 0.
NO_TIMES = ("Kernel launch latency",)
LONG = 3600  # a loaded machine; bounds a hang only

t = Tap()


def start(where, *prog):
    return subprocess.Popen([GPUVM, "run", *where, "--", *prog], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def finish(p, what):
    try:
        out, err = p.communicate(timeout=LONG)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
    missing = lost(out, SECTIONS, NO_TIMES)
    t.ok(p.returncode == 0 and not missing, f"clpeak ends well and every test has its figures: {what}",
         f"exit {p.returncode}, missing {missing}\n{out}\n{err}")


def info(where, what):
    out, err = (p := start(where, "clinfo")).communicate(timeout=LONG)
    t.ok(p.returncode == 0 and re.search(r"Number of devices\s+1\b", out) and re.search(r"Device Name\s+NVC0", out),
         f"clinfo ends well and shows the card: {what}", f"exit {p.returncode}\n{out}\n{err}")


reason = why_not() or next((f"{p} is not installed" for p in ("clinfo", "clpeak") if not shutil.which(p)), None)
if reason:
    t.skip("clinfo and clpeak", reason)
    t.end()
for where, what in ((NATIVE, "native"), (FULL, "full")):
    info(where, what)
    finish(start(where, "clpeak"), what)
d = Daemon()
guests = [["--socket", d.path, "--name", n, "--mode", "full", "--vram", "256M"] for n in "ab"]
for p in [start(g, "clinfo") for g in guests]:
    out, err = p.communicate(timeout=LONG)
    t.ok(p.returncode == 0 and "NVC0" in out, "clinfo in one of two guests", f"exit {p.returncode}\n{out}\n{err}")
for n, p in [(g[3], start(g, "clpeak")) for g in guests]:
    finish(p, f"guest {n} of two at once")
d.wait_no_guests()
a = d.audit()
t.ok(not a["violations"], "the isolation audit is clean", a["text"])
t.ok(d.stop() == 0, "the daemon ends well")
t.end()
