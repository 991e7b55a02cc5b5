#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gpuvm-bench modes: a row for every program in every configuration, verified, with the paper's counters; a plot; one
line for what it cannot do."""
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from tap import Tap, prog, run  # noqa: E402
from work import why_not  # noqa: E402

CONFIGS = ["native", "passthrough", "full", "full,bar-remap", "full,lazy", "full,optimized", "full,best", "naive-pv",
           "multicall", "hp-pv"]
COUNTERS = {"flushes", "shadowings", "ptes_scanned", "hypercalls", "bar0_trapped", "bar3_trapped", "submissions"}
t = Tap()
BENCH = prog("gpuvm-bench")
works = ["driver"] if why_not() else ["driver", "vadd"]

with tempfile.TemporaryDirectory(prefix="gpuvm-modes-") as scratch:
    path, out = os.path.join(scratch, "modes.json"), os.path.join(scratch, "new")
    plot = ["--out", out] if shutil.which("gnuplot") else []
    code, text, err = run(BENCH, "modes", "--quick", "--works", ",".join(works), "--json", path, *plot)
    t.ok(code == 0, "it ends well", text + err)
    with open(path) as f:
        report = json.load(f)
    rows = report["rows"]
    t.ok([(r["workload"], r["config"]) for r in rows] == [(w, c) for w in works for c in CONFIGS],
         "a row for each program in each configuration", rows)
    t.ok(all(r["verified"] and r["size"] == "tiny" and r["seconds"] > 0 and r["ratio_native"] > 0 for r in rows),
         "every result was right and the same as natively", rows)
    t.ok(all((r["counters"] is None) == (r["config"] == "native") for r in rows) and
         all(COUNTERS <= r["counters"].keys() for r in rows if r["counters"]), "with the guest's counters", rows)
    driver = {r["config"]: r for r in rows if r["workload"] == "driver"}
    phases = driver["full"]["phases"]
    t.ok(driver["full"]["counters"]["bar0_trapped"] and not driver["hp-pv"]["counters"]["bar0_trapped"] and
         driver["multicall"]["counters"]["hypercalls"], "the configurations are what they are called", driver)
    t.ok(abs(sum(phases.values()) - driver["full"]["seconds"]) < 1e-6, "phases add up to the process's life", phases)
    t.ok({(r["config"], r["aim"]) for r in driver.values() if r["aim"]} >= {("full,best", 3), ("multicall", 2)} or
         driver["native"]["bound"] == "kernel", "aims are beside what they are for", driver)
    if plot:
        with open(os.path.join(out, "modes.svg")) as f:
            svg = f.read()
        t.ok(all(c in svg for c in CONFIGS) and all(w in svg for w in works), "a plot of all of it")
    else:
        t.skip("a plot", "gnuplot is not installed")
    code, _, err = run(BENCH, "modes", "--quick", "--works", "nosuch")
    t.ok(code == 1 and "nosuch" in err, "an unknown program fails", err)
    code, _, err = run(BENCH, "modes", "--quick", "--works", "driver", "--out", os.path.join(path, "x"))
    t.ok(code == 1 and len(err.splitlines()) == 1 and "Not a directory" in err, "a folder that cannot be: one line", err)
t.end()
