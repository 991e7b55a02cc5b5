#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small OpenCL kernels (tests/cl), each on the virtual GPU: natively, compared with what PoCL computes on the processor
(or an exact reference), and as a fully virtualized guest, where every byte must be as it was natively; the cases of one
file in two guests at once.  What is known to be wrong stands in conform_known.py with its reason; if such a case passes,
that is reported as a failure, so that the table stays true."""
import concurrent.futures
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from conform import (CL, CONFORM, cases, cl_files, driver_version, inputs, judge, judge_same,  # noqa: E402
                     pocl_env, run_cases)
from conform_known import known_faults  # noqa: E402
from tap import Daemon, Tap  # noqa: E402
from work import GPUVM, has_pocl, why_not  # noqa: E402

t = Tap()


def one(path, mode, scratch, known):
    folder = os.path.join(scratch, mode, os.path.basename(path))
    if mode == "pocl":
        return run_cases([], pocl_env(), path, folder, {})
    return run_cases([GPUVM, "run", "--private", "--mode", mode, "--"], dict(os.environ), path, folder, known)


def all_files(files, scratch, known):
    """Native, full and PoCL beside each other; judged file by file."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {(p, m): pool.submit(one, p, m, scratch, known) for p in files for m in ("pocl", "native", "full")}
        for path in files:
            pocl, native, full = (jobs[path, m].result() for m in ("pocl", "native", "full"))
            for c in cases(path):
                judge(t, f"{c.name}, native", c, native, pocl, known, os.path.join(scratch, "inputs"))
                judge_same(t, f"{c.name}, full as native", c, native, full)


def two_guests(path, scratch, known):
    """Both at once on one GPU."""
    d = Daemon()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(run_cases, [GPUVM, "run", "--socket", d.path, "--name", n, "--mode", "full", "--"],
                            dict(os.environ), path, os.path.join(scratch, n), known) for n in "ab"]
        a, b = (j.result() for j in jobs)
    fine = [c for c in cases(path) if c.name not in known]
    bad = [c.name for c in fine if not a.of(c.name) == b.of(c.name) == "done" or a.data(c.name) != b.data(c.name)]
    t.ok(fine and not bad, f"{os.path.basename(path)} in two guests at once: the same bytes", bad)
    d.wait_no_guests()
    t.ok(d.stop() == 0, "the daemon ends well")
    return a


def main():
    reason = why_not() or (None if os.path.exists(CONFORM) else "gpuvm-conform is not built")
    reason = reason or (None if has_pocl() else "pocl-opencl-icd is not installed")
    if reason:
        t.skip("conformance kernels", reason)
        t.end()
    known = known_faults(driver_version([GPUVM, "run", "--private", "--mode", "native", "--"]))
    with tempfile.TemporaryDirectory(prefix="gpuvm-conform-") as scratch:
        inputs(os.path.join(scratch, "inputs"))
        all_files(sys.argv[1:] or cl_files(), scratch, known)
        if not sys.argv[1:]:
            two_guests(os.path.join(CL, "local.cl"), scratch, known)
    t.end()


main()
