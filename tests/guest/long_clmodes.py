#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clinfo in every mode and every set of options: the same text but for the size of memory, which is the guest's.  Two
sections of clpeak in every mode: they end, with a figure in every row that native has.  (All of clpeak, natively and in
full virtualization, is long_clpeak.py's; what its figures are worth, docs/measuring.md's.)"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from tap import Tap  # noqa: E402
from work import FULL_SETS, GPUVM, MODES, why_not  # noqa: E402

LONG = 900  # a loaded machine; bounds a hang only
SECTIONS = {"--transfer-bandwidth": 8, "--compute-integer": 5}  # rows at least

t = Tap()


def guest(mode, *prog):
    where = ["--gpu", "sim:vram=256M"] if mode == "native" else ["--private", "--vram", "256M"]
    p = subprocess.run([GPUVM, "run", *where, "--mode", mode, "--", *prog], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
    return p.returncode, p.stdout, p.stderr


def described(text):
    return [x for x in text.splitlines() if "memory size" not in x and "Max memory alloc" not in x]


def rows(text):
    """{row: figure}"""
    return {m[1]: float(m[2]) for m in re.finditer(r"^\s+(\S.*?)\s*: ([0-9.]+)$", text, re.M)}


reason = why_not() or next((f"{p} is not installed" for p in ("clinfo", "clpeak") if not shutil.which(p)), None)
if reason:
    t.skip("clinfo and clpeak in every mode", reason)
    t.end()
code, native, err = guest("native", "clinfo")
t.ok(code == 0 and "NVC0" in native, "clinfo natively", err)
for mode in sorted({*MODES[1:], *FULL_SETS}):
    code, out, err = guest(mode, "clinfo")
    t.ok(code == 0 and described(out) == described(native), f"clinfo tells the same: {mode}", f"exit {code}\n{out}\n{err}")
for option, least in SECTIONS.items():
    code, out, err = guest("native", "clpeak", option)
    want = rows(out)
    t.ok(code == 0 and len(want) >= least and all(want.values()), f"clpeak {option} natively", f"exit {code}\n{out}\n{err}")
    for mode in MODES[1:]:
        code, out, err = guest(mode, "clpeak", option)
        got = rows(out)
        t.ok(code == 0 and got.keys() == want.keys() and all(got.values()), f"clpeak {option}: {mode}",
             f"exit {code}\n{out}\n{err}")
t.end()
