#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`gpuvm-bench sched` with real OpenCL guests: live and simulated figures side by side, a recording that gpuvm-sched
reads back, a plot and a timeline.  Figures are looked at for sense, not for size: a test host is no quiet one."""
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from tap import Tap, prog, run  # noqa: E402
from work import why_not  # noqa: E402

t = Tap()
if why_not():
    t.skip("policies live", why_not())
    t.end()
with tempfile.TemporaryDirectory(prefix="gpuvm-test-") as folder:
    out = os.path.join(folder, "out")
    rows = os.path.join(folder, "rows.json")
    code, said, err = run(prog("gpuvm-bench"), "sched", "--shape", "weights3", "--policies", "wfq", "--seconds", "3",
                          "--quick", "--out", out, "--json", rows)
    t.ok(code == 0 and "simulated" in said and "differ" in said, "live and simulated, side by side", said + err)
    with open(rows) as f:
        row = json.load(f)[0]
    shares, sim = row["shares"], row["simulated"]["shares"]
    t.ok(row["policy"] == "wfq" and abs(sum(shares.values()) - 1) < 1e-6 and shares.keys() == sim.keys() and
         len(shares) == 2, "shares of both guests, live and simulated", row)
    t.ok(0 < row["jain"] <= 1 and 0 < row["simulated"]["jain"] <= 1 and 0 <= row["stood"] < 1 and 0 <= row["late"] < 1 and
         set(row["backlog"]) == set(shares), "fairness, backlog, idle and late time", row)
    trace = os.path.join(out, "weights3-1-wfq")
    code, said, err = run(prog("gpuvm-sched"), "--trace", trace, "--recorded", "--json")
    t.ok(code == 0 and 0 < json.loads(said)["jain"] <= 1, "gpuvm-sched reads what the daemon recorded", err)
    with open(trace + ".json") as f:
        events = json.load(f)
    events = events["traceEvents"] if isinstance(events, dict) else events
    t.ok(sum(e.get("ph") == "X" for e in events) > 100, "a timeline of what ran")
    if shutil.which("gnuplot"):
        with open(trace + ".png", "rb") as f:
            t.ok(f.read(8) == b"\x89PNG\r\n\x1a\n", "a plot")
    else:
        t.skip("a plot", "gnuplot is not installed")
t.end()
