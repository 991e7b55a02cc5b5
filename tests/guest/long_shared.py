#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests whose processes share the GPU, in every mode: see shared.py.  Takes a minute or two."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shared  # noqa: E402
from tap import Daemon, Tap  # noqa: E402
from work import why_not  # noqa: E402

t = Tap()
reason = why_not()
if reason:
    t.skip("processes that share a GPU", reason)
    t.end()
shared.node(t, "native")
for mode in ("native", "passthrough", "full,best", "naive-pv,multicall", "hp-pv"):
    shared.buffers(t, mode)
    shared.forks(t, mode)
shared.forks(t, "full")
for mode in ("native", "full", "naive-pv"):
    shared.stale(t, mode)
d = Daemon()
base = d.status()["host"]["vram_free"]
for mode, n in (("native", 2), ("full", 8), ("full,best", 2), ("naive-pv,multicall", 2), ("hp-pv", 8)):
    shared.crowd(t, d, mode, n)
t.ok(d.wait_no_guests()["host"]["vram_free"] == base, "all VRAM came back")
a = d.audit()
t.ok(a.get("ok") and a.get("violations") == 0, "the audit is clean", a)
t.ok(d.stop() == 0, "the daemon ends with 0")
for mode in ("native", "full"):
    shared.lost(t, mode)
t.end()
