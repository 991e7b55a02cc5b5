#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest whose processes share its GPU (gpuvm run --shared): the node, programs side by side and one killed, fork and
exec, buffers passed between processes and refused between guests, limits.  Every mode has its turn in long_shared.py."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shared  # noqa: E402
from tap import Daemon, Tap, prog, run  # noqa: E402
from work import GPUVM, why_not  # noqa: E402

t = Tap()
reason = why_not()
if reason:
    t.skip("processes that share a GPU", reason)
    t.end()
shared.node(t, "full")
shared.buffers(t, "full")
shared.forks(t, "hp-pv")
shared.stale(t, "hp-pv")
shared.headless(t, "full")
d = Daemon()
base = d.status()["host"]["vram_free"]
shared.crowd(t, d, "full", 2)
shared.counters(t, d, "full", ("bar0_trapped", "shadowings"), ("hypercalls",))
shared.counters(t, d, "hp-pv", ("hypercalls",), ("bar0_trapped", "shadowings"))
shared.strangers(t, d)
shared.limits(t, d, "hp-pv")
t.ok(d.wait_no_guests()["host"]["vram_free"] == base, "all VRAM came back")
a = d.audit()
t.ok(a.get("ok") and a.get("violations") == 0, "the audit is clean", a)
t.ok(d.stop() == 0, "the daemon ends with 0")
shared.lost(t, "hp-pv")

# A program that drives the GPU itself has no place there.
code, out, err = run(GPUVM, "run", "--private", "--shared", "--", prog("gpuvm-copy"), __file__)
t.ok(code == 2 and "--shared" in err, "gpuvm-copy says why it cannot", f"{code}\n{out}{err}")
t.end()
