#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every workload, tiny: right in every mode, and the same bits in all of them; with another seed, other bits; input from
files; two guests of one daemon beside each other.  Bad input gets one clear line."""
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from tap import DEADLINE, Daemon, Tap, run  # noqa: E402
from work import WORK, command, has_pocl, names, results, why_not, work  # noqa: E402

# Exact on any device: integers, or float operations that are correctly rounded and in a fixed order.
EXACT = {"loop", "madd", "mmul", "fmadd", "fmmul", "vadd", "cpy", "pincpy", "backprop", "bfs", "heartwall", "hotspot",
         "nw", "pathfinder", "kmeans", "many", "trip", "churn", "side"}

MODES = ("native", "passthrough", "full", "full,best", "naive-pv", "naive-pv,multicall", "hp-pv")

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


def tables(folder):
    """{workload: a file of input for it}"""
    r = random.Random(7)
    rows = {
        "bfs": [(r.randrange(700), r.randrange(700)) for _ in range(2500)],
        "hotspot": [(round(r.uniform(300, 350), 3), round(r.random(), 4)) for _ in range(32 * 32)],
        "nn": [(round(r.uniform(0, 70), 3), round(r.uniform(0, 360), 2)) for _ in range(333)],
        "kmeans": [[round(r.uniform(0, 100), 2) for _ in range(16)] for _ in range(200)],
    }
    for name, table in rows.items():
        with open(os.path.join(folder, name), "w") as f:
            f.write("# input\n" + "".join(" ".join(map(str, row)) + "\n" for row in table))
    return {name: os.path.join(folder, name) for name in rows}


def input_files():
    """Read alike in every mode; another file gives another result."""
    with tempfile.TemporaryDirectory(prefix="gpuvm-work-") as folder:
        for name, path in tables(folder).items():
            sums = set()
            for mode in MODES:
                code, got, err = work(mode, "--size", "tiny", "--input", path, name)
                sums.add(got.get(name, {}).get("checksum") if not code else f"{mode}: {code} {err}")
            _, other, _ = work("native", "--size", "tiny", name)
            t.ok(len(sums) == 1 and None not in sums and other[name]["checksum"] not in sums,
                 f"{name} with input from a file: right, and the same bits in every mode", sums)


def bad_files():
    with tempfile.TemporaryDirectory(prefix="gpuvm-work-") as folder:
        path = os.path.join(folder, "input")
        for what, name, text, words in (
                ("a word", "bfs", "0 1\n1 x\n", (":2:", "x")), ("a short row", "bfs", "0 1\n\n1\n", (":3:", "1")),
                ("a long row", "nn", "1 2 3\n", (":1:", "2")), ("no node", "bfs", "0 1\n-1 2 # below\n", (":2:", "node")),
                ("half a node", "bfs", "0 1.5\n", (":1:", "node")), ("infinity", "nn", "1 2\n1 inf\n", (":2:", "inf")),
                ("no square", "hotspot", "1 2\n" * 17, (":17:", "n x n")),
                ("too few points", "kmeans", "1 " * 16 + "\n", (":1:", "8")), ("nothing", "nn", "# none\n", ("no numbers",))):
            with open(path, "w") as f:
                f.write(text)
            code, _, err = run(WORK, "--input", path, name)
            one_line(f"{what} in {name}'s input", 2, code, err, "input", *words)
        for what, args, words in (("a file that is not there", ["--input", path + "x", "bfs"], ("input", "No such file")),
                                  ("a file for what reads none", ["--input", path, "srad"], ("srad",)),
                                  ("a file for two", ["--input", path, "bfs", "nn"], ("one workload",))):
            code, _, err = run(WORK, *args)
            one_line(what, 2, code, err, *words)


def every_mode(all_names):
    got = {}
    for mode in MODES:
        code, got[mode], err = work(mode, "--size", "tiny", "all")
        t.ok(code == 0 and sorted(got[mode]) == sorted(all_names) and not err, f"all workloads, {mode}, and no complaint",
             f"exit {code}\n{err}")
    for name in all_names:
        sums = [got[m].get(name, {}).get("checksum") for m in MODES]
        t.ok(sums[0] and len(set(sums)) == 1, f"{name}: right, and the same bits in every mode", list(zip(MODES, sums)))
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
bad_files()
if why_not():
    t.skip("workloads on a virtual GPU", why_not())
else:
    native_results = every_mode(names())
    input_files()
    against_pocl(native_results)
    two_guests(native_results)
t.end()
