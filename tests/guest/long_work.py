#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every workload at the paper's size, each in a process of its own: right in native, passthrough, full and naive-pv
mode, and the same bits in all of them."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from tap import Tap  # noqa: E402
from work import names, why_not, work  # noqa: E402

MODES = ("native", "passthrough", "full", "naive-pv")

t = Tap()
if why_not():
    t.skip("workloads on a virtual GPU", why_not())
    t.end()
for name in names():
    sums, detail = [], ""
    for mode in MODES:
        code, got, err = work(mode, "--size", "paper", name)
        sums.append(got.get(name, {}).get("checksum"))
        detail += f"{mode}: exit {code} {sums[-1]} {err}\n"
    t.ok(sums[0] and len(set(sums)) == 1, f"{name}, paper size: right and the same bits in every mode", detail)
t.end()
