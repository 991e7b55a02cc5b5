#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every workload, tiny: right natively and as a fully virtualized guest, and the same bits in both; with another seed,
other bits; two guests of one daemon beside each other.  Bad input gets one clear line."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from tap import DEADLINE, Daemon, Tap, run  # noqa: E402
from work import WORK, command, has_pocl, names, results, why_not, work  # noqa: E402

# Exact on any device: integers, or float operations that are correctly rounded and in a fixed order.
EXACT = {"loop", "madd", "mmul", "fmadd", "fmmul", "vadd", "cpy", "pincpy", "backprop", "bfs", "heartwall", "hotspot",
         "nw", "pathfinder", "kmeans", "many", "trip", "churn", "side"}

t = Tap()


def one_line(what, want, code, err, *words):
    lines = [x for x in err.splitlines() if x]
    good = code == want and len(lines) == 1 and all(w in lines[0] for w in words)
    t.ok(good, f"{what}: one line, exit code {want}", f"exit {code}\n{err}")


def bad_input():
    code, out, err = run(WORK, "--help")
    t.ok(code == 0 and "usage" in out and not err, "gpuvm-work --help", err)
    for what, args, word in (("an unknown workload", ["nosuch"], "nosuch"), ("no workload", [], "NAME"),
                             ("an unknown size", ["--size", "huge", "nop"], "huge"),
                             ("a seed that is none", ["--seed", "-1", "nop"], "-1"),
                             ("no repetition", ["--repeat", "0", "nop"], "0"),
                             ("an unknown option", ["--frob", "nop"], "--frob")):
        code, _, err = run(WORK, *args)
        one_line(what, 2, code, err, word)
    code, _, err = run(WORK, "nop", env=dict(os.environ, OCL_ICD_VENDORS="/nonexistent"))
    one_line("no OpenCL device", 3, code, err, "no OpenCL device")


def both_modes(all_names):
    got = {}
    for mode in ("native", "full"):
        code, got[mode], err = work(mode, "--size", "tiny", "all")
        t.ok(code == 0 and sorted(got[mode]) == sorted(all_names) and not err, f"all workloads, {mode}, and no complaint",
             f"exit {code}\n{err}")
    for name in all_names:
        a, b = (got[m].get(name, {}).get("checksum") for m in ("native", "full"))
        t.ok(a and a == b, f"{name}: right, and the same bits natively and virtualized", f"native {a}, full {b}")
    code, other, err = work("full", "--size", "tiny", "--seed", "2", "madd", "srad")
    t.ok(code == 0 and all(other[n]["checksum"] != got["full"][n]["checksum"] for n in ("madd", "srad")),
         "another seed gives other results", err)
    return got["native"]


def against_pocl(native):
    if not has_pocl():
        t.skip("the same bits as PoCL", "pocl-opencl-icd is not installed")
        return
    code, ref, err = work(None, "--size", "tiny", *sorted(EXACT), env={"OCL_ICD_VENDORS": "pocl.icd"})
    wrong = [n for n in sorted(EXACT) if n not in ref or ref[n]["checksum"] != native.get(n, {}).get("checksum")]
    t.ok(code == 0 and not wrong, "the same bits as PoCL where the result is exact", f"exit {code} {wrong}\n{err}")


def two_guests(native):
    d = Daemon()
    ps = [subprocess.Popen(command("full", "--size", "tiny", "--repeat", "3", "all",
                                   where=("--socket", d.path, "--name", n)),
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
          for n in ("a", "b")]
    audits, dirty = 0, None
    while any(p.poll() is None for p in ps):
        a = d.audit()
        audits += 1
        dirty = dirty or (a["violations"] and a["text"])
    for n, p in zip("ab", ps):
        out, err = p.communicate(timeout=DEADLINE)
        sums = {k: v["checksum"] for k, v in results(out).items()}
        t.ok(p.returncode == 0 and sums == {k: v["checksum"] for k, v in native.items()},
             f"guest {n} of two at once: all results right", f"exit {p.returncode}\n{err}")
    t.ok(audits and not dirty, "the isolation audit is clean all the while", dirty)
    d.wait_no_guests()
    t.ok(d.stop() == 0, "the daemon ends well")


if not os.path.exists(WORK):
    t.skip("workloads", why_not())
    t.end()
bad_input()
if why_not():
    t.skip("workloads on a virtual GPU", why_not())
else:
    native_results = both_modes(names())
    against_pocl(native_results)
    two_guests(native_results)
t.end()
