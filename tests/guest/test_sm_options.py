#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shader cores' optimisations change no bit: every workload, tiny, with each of them on and off, has one checksum;
and so it has on cards with other numbers of multiprocessors and threads."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from tap import Tap, run  # noqa: E402
from work import GPUVM, WORK, results, why_not  # noqa: E402

SPECS = ["smopt=0", "smopt=1", "smopt=2", "smopt=4", "smopt=5", "smopt=8", "smopt=11", "smopt=15",
         "smopt=20", "smopt=31", "smopt=63", "smopt=127", "smopt=191", "smopt=222", "smopt=160", "smopt=107", "sm=1", "sm=3",
         "tpc=14", "tpc=3"]

t = Tap()


def sums(spec):
    code, out, err = run(GPUVM, "run", "--mode", "native", f"--gpu=sim:vram=256M,{spec}", "--", WORK, "--json", "--size",
                         "tiny", "all")
    return code, {k: v["checksum"] for k, v in results(out).items()}, err


if why_not():
    t.skip("options of the shader cores", why_not())
    t.end()
code, want, err = sums("smopt=255")
t.ok(code == 0 and len(want) > 20, "every workload with everything on", f"exit {code} {len(want)}\n{err}")
for s in SPECS:
    code, got, err = sums(s)
    t.ok(code == 0 and got == want, f"the same bits with {s}",
         f"exit {code} {[k for k in want if got.get(k) != want[k]]}\n{err}")
code, _, err = run(GPUVM, "run", "--mode", "native", "--gpu=sim:smopt=256", "--", WORK, "vadd")
t.ok(code and "smopt" in err, "an option that is none is named", f"exit {code}\n{err}")
t.end()
