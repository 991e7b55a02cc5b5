#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The virtual GPU under Mesa 25.0 of Debian 13, in a chroot (made by debian13.sh in GPUVM_DEBIAN13, build/debian13):
clinfo, clpeak, every tiny workload and the conformance cases with their doubles, natively and as a fully virtualized
guest, with the same bytes in both."""
import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from clpeak import FULL, NATIVE, SECTIONS_13, lost  # noqa: E402
from conform import CONFORM, cases, cl_files, driver_version, inputs, judge, judge_same, pocl_env, run_cases  # noqa: E402
from conform_known import known_faults  # noqa: E402
from tap import BUILD, Tap, prog, run  # noqa: E402
from work import WORK, has_pocl, names, results, why_not  # noqa: E402

MODES = ("native", "full")
# Bounds a hang only.
DEADLINE = 300
PEAK_DEADLINE = 1800
ROOT = os.path.abspath(os.environ.get("GPUVM_DEBIAN13") or os.path.join("build", "debian13"))
# Each test has a folder of its own in the chroot, which another checkout may use too.
BOX = f"/gpuvm-test-{os.getpid()}"
ENV = dict(os.environ, LD_LIBRARY_PATH=BOX)

t = Tap()


def missing():
    if why_not():
        return why_not()
    if os.geteuid():
        return "chroot wants root"
    r = subprocess.run(["sh", os.path.join(HERE, "debian13.sh"), ROOT], stderr=subprocess.PIPE, text=True)
    return f"no Debian 13 in {ROOT}: {' '.join(r.stderr.split())}" if r.returncode else None


def clean():
    for path in (f"{BUILD}/lib", f"{BUILD}/share", BOX):
        shutil.rmtree(ROOT + path, ignore_errors=True)


def furnish():
    """The library by the name it has outside, its files beside it, the decoder it links; our programs and cases."""
    clean()
    os.makedirs(f"{ROOT}{BUILD}/lib")
    shutil.copy(os.path.join(BUILD, "lib", "libgpuvm-drm.so"), f"{ROOT}{BUILD}/lib")
    shutil.copytree(f"{BUILD}/share", f"{ROOT}{BUILD}/share", symlinks=True)
    os.makedirs(ROOT + BOX)
    for name in (*glob.glob("/lib/*/libZydis.so.*"), *glob.glob("/lib/*/libZycore.so.*"), WORK, CONFORM,
                 os.path.join(HERE, "cl_copy.py"), *cl_files()):
        shutil.copy(name, ROOT + BOX)


def head(mode):
    return [prog("gpuvm"), "run", *{"native": NATIVE, "full": FULL}[mode], "--", "chroot", ROOT]


def guest(mode, *argv, deadline=DEADLINE):
    return run(*head(mode), *argv, env=ENV, timeout=deadline)


def programs(mode):
    code, out, err = guest(mode, "clinfo")
    t.ok(code == 0 and "NVC0" in out and "25.0" in out, f"{mode}: clinfo on Mesa 25.0", out + err)
    t.ok("cl_khr_fp64" in out, f"{mode}: it offers doubles", out)
    code, out, err = guest(mode, "python3", f"{BOX}/cl_copy.py", "2000003", "2", "3")
    t.ok(code == 0 and "came back" in out, f"{mode}: data there and back", out + err)


def clpeak():
    """Every section in both modes beside each other."""
    with concurrent.futures.ThreadPoolExecutor(len(MODES)) as pool:
        jobs = {m: pool.submit(guest, m, "clpeak", deadline=PEAK_DEADLINE) for m in MODES}
    for m, job in jobs.items():
        code, out, err = job.result()
        rows = lost(out, SECTIONS_13)
        t.ok(code == 0 and not rows and "Failed" not in out + err,
             f"{m}: clpeak to its end, with doubles, a figure for every width",
             f"exit {code}, without {rows}\n{out}{err}")


def workloads():
    sums = {}
    for mode in MODES:
        code, out, err = guest(mode, f"{BOX}/gpuvm-work", "--json", "--size", "tiny", "all")
        sums[mode] = {n: r["checksum"] for n, r in results(out).items()}
        t.ok(code == 0 and sorted(sums[mode]) == sorted(names()), f"{mode}: every tiny workload is right",
             f"exit {code}\n{err}")
    wrong = [n for n in names() if sums["native"].get(n) != sums["full"].get(n)]
    t.ok(not wrong, "the workloads' bits are the same in both", wrong)


def cases_in(path, mode, known):
    name = os.path.basename(path)
    if mode == "pocl":
        return run_cases([], pocl_env(), path, os.path.join(scratch, name), {})
    folder = f"{BOX}/{mode}/{name}"
    return run_cases(head(mode), ENV, path, ROOT + folder, known, (f"{BOX}/gpuvm-conform", f"{BOX}/{name}", folder))


def conformance():
    if not has_pocl():
        t.skip("conformance kernels", "pocl-opencl-icd is not installed")
        return
    known = known_faults(driver_version(head("native"), ENV, f"{BOX}/gpuvm-conform"))
    inputs(os.path.join(scratch, "inputs"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {(p, m): pool.submit(cases_in, p, m, known) for p in cl_files() for m in ("pocl", *MODES)}
        for path in cl_files():
            pocl, native, full = (jobs[path, m].result() for m in ("pocl", *MODES))
            for c in cases(path):
                judge(t, f"{c.name}, native", c, native, pocl, known, os.path.join(scratch, "inputs"))
                judge_same(t, f"{c.name}, full as native", c, native, full)


reason = missing()
if reason:
    t.skip("Mesa 25.0", reason)
    t.end()
furnish()
try:
    with tempfile.TemporaryDirectory(prefix="gpuvm-mesa25-") as scratch:
        for m in MODES:
            programs(m)
        clpeak()
        workloads()
        conformance()
finally:
    clean()
t.end()
