#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every workload at the paper's size, each in a process of its own: right in every mode, and the same bits in all of
them; and, tiny, in every set of the options of full virtualization."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from tap import Tap  # noqa: E402
from work import FULL_SETS, MODES, names, why_not, work  # noqa: E402

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
code, native, err = work("native", "--size", "tiny", "all")
t.ok(code == 0 and sorted(native) == sorted(names()), "every workload, tiny, natively", err)
for mode in FULL_SETS:
    code, got, err = work(mode, "--size", "tiny", "all")
    wrong = [n for n in names() if n not in got or got[n]["checksum"] != native[n]["checksum"]]
    t.ok(code == 0 and not wrong, f"every workload, tiny, {mode}: right, and the bits native has", f"exit {code} {wrong}\n{err}")
t.end()
