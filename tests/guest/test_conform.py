#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small OpenCL kernels (tests/cl), each on the virtual GPU, natively, compared with what PoCL computes on the
processor.  What is known to be wrong stands in KNOWN with its reason; if such a case passes, that is reported as a failure,
so that the table stays true."""
import array
import math
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from tap import BUILD, Tap, prog  # noqa: E402
from work import GPUVM, has_pocl, why_not  # noqa: E402

CL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cl")
CONFORM = prog("gpuvm-conform")
# Bounds a hang only.
DEADLINE = 60
DEADLINE_KNOWN = 10
# Case: why it is wrong.  Each of these runs in a process of its own, for a dead channel takes the next case with it.
KNOWN = {
    "class_f32": "Mesa 22.3 does not translate isfinite (unknown nir_op fisfinite32)",
    "global_imin": "Mesa 22.3 emits signed global atomic_min as unsigned: red.min.u32",
    "global_imax": "Mesa 22.3 emits signed global atomic_max as unsigned: red.max.u32",
    "mul_hi_u64": "Mesa 22.3 emits the low 64 bits of the product: imul + imad of the words, high word of lo * lo",
    "popcount_u64": "Mesa 22.3 counts the low word alone: one popc, the high word is loaded and not used",
}
t = Tap()


def cases(path):
    """{name: how to compare}"""
    found = {}
    with open(path) as f:
        for m in re.finditer(r"^//@ (\S+)(.*)$", f.read(), re.M):
            how = re.search(r"cmp=(\S+)", m.group(2))
            found[m.group(1)] = how.group(1) if how else "bits"
    return found


def parse(out, err, said):
    """Notes into said[name] what became of each case; the last one started may have no verdict."""
    last = None
    for line in out.splitlines():
        verdict, name, *why = line.split(" ", 2)
        last = name
        said[name] = "crashed or hung" if verdict == "run" else f"fail: {why[0]}" if verdict == "fail" else verdict
    name = None
    for line in err.splitlines():
        if line.startswith("# "):
            name = line[2:]
        elif name and "translation failed" in line:
            said[name] = f"fail: {line}"
    return last


def run_cases(head, env, path, names, folder):
    """{name: "done", "none" or what went wrong}; after a crash, the cases that are left run in another process."""
    said, left = {}, [n for n in names if n not in KNOWN]
    alone = [n for n in names if n in KNOWN]
    while left or alone:
        batch = left or alone[:1]
        cmd = [*head, CONFORM, "--dump", folder, path, *batch]
        p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        try:
            out, err = p.communicate(timeout=DEADLINE if left else DEADLINE_KNOWN)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
        last = parse(out.decode(errors="replace"), err.decode(errors="replace"), said)
        if last is None:
            return {n: f"the runner did not start: {err.decode(errors='replace')[-300:]}" for n in names}
        if left:
            left = left[left.index(last) + 1:]
        else:
            alone.pop(0)
    return said


def same_float(x, y, ulps, slack):
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if x == y:
        return True
    if math.isinf(x) or math.isinf(y):
        return False
    unit = max(2.0 ** -149, 2.0 ** (math.frexp(max(abs(x), abs(y)))[1] - 24))
    # Denormals may be flushed in either place: OpenCL leaves that free.
    return abs(x - y) <= ulps * unit + slack or max(abs(x), abs(y)) < 2.0 ** -126


def difference(how, a, b):
    """None if the two outputs agree, else the first place where they do not."""
    if a == b:
        return None
    if how == "bits":
        u, v = (array.array("I", d) for d in (a, b))
        bad = [i for i, (x, y) in enumerate(zip(u, v)) if x != y]
        return f"{len(bad)} words, the first at {bad[0]}: {u[bad[0]]:#x}, PoCL {v[bad[0]]:#x}"
    ulps, _, slack = how.partition(":")[2].partition("+")
    u, v = (array.array("f", d) for d in (a, b))
    bad = [i for i, (x, y) in enumerate(zip(u, v))
           if not same_float(x, y, int(ulps or 0), float(slack or 0))]
    return f"{len(bad)} floats, the first at {bad[0]}: {u[bad[0]]!r}, PoCL {v[bad[0]]!r}" if bad else None


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def judge(mode, name, how, said, ref_said, folder, ref):
    what = f"{name}, {mode}"
    if "none" in (said, ref_said):
        t.skip(what, "the device does not offer what it needs")
        return
    if ref_said != "done":
        t.ok(False, what, f"PoCL: {ref_said}")
        return
    wrong = difference(how, read(folder, name), read(ref, name)) if said == "done" else said
    if name in KNOWN:
        t.ok(wrong, f"{what}: wrong as known: {KNOWN[name]}", "it passes now: take it out of KNOWN")
    else:
        t.ok(not wrong, what, wrong)


def whole_file(path, scratch, modes):
    names = cases(path)
    pocl_env = dict(os.environ, OCL_ICD_VENDORS="pocl.icd", POCL_CACHE_DIR=os.path.join(BUILD, "pocl-cache"))
    folders = {}
    for mode in ("pocl", *modes):
        folders[mode] = os.path.join(scratch, mode)
        os.makedirs(folders[mode], exist_ok=True)
    ref = run_cases([], pocl_env, path, names, folders["pocl"])
    for mode in modes:
        said = run_cases([GPUVM, "run", "--private", "--mode", mode, "--"], dict(os.environ), path, names, folders[mode])
        for name, how in names.items():
            judge(mode, name, how, said.get(name, "not run"), ref.get(name, "not run"), folders[mode], folders["pocl"])


def main():
    reason = why_not() or (None if os.path.exists(CONFORM) else "gpuvm-conform is not built")
    reason = reason or (None if has_pocl() else "pocl-opencl-icd is not installed")
    if reason:
        t.skip("conformance kernels", reason)
        t.end()
    files = sys.argv[1:] or sorted(os.path.join(CL, n) for n in os.listdir(CL) if n.endswith(".cl"))
    os.makedirs(os.path.join(BUILD, "pocl-cache"), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpuvm-conform-") as scratch:
        for path in files:
            whole_file(path, scratch, ("native",))
    t.end()


main()
