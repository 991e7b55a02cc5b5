#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shadowing options as people give them: at attach and on a running guest, right results in every set, what the
counters say, and bad input."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from tap import Daemon, Tap, make_file, prog, run  # noqa: E402

PLAIN = ("none", "keep", "lazy", "track", "keep,lazy", "keep,track", "lazy,track", "keep,lazy,track")
SETS = PLAIN + ("bar-remap",) + tuple(f"{s},bar-remap" for s in PLAIN[1:]) + ("optimized", "best")
SHOWN = {"optimized": "lazy,bar-remap", "best": "keep,lazy,track,bar-remap"}
t = Tap()
GPUVM, COPY = prog("gpuvm"), prog("gpuvm-copy")

with tempfile.TemporaryDirectory(prefix="gpuvm-options-") as scratch:
    data = make_file(scratch, "data", 1 << 20)
    d = Daemon()
    hashes, counters = set(), {}
    for i, options in enumerate(SETS):
        code, out, err = run(GPUVM, "run", "--socket", d.path, "--mode", f"full,{options}", "--vram", "64M", "--name",
                             f"g{i}", "--", COPY, "--json", data)
        try:
            r = json.loads(out)
        except ValueError:
            r = {}
        hashes |= {f["hash"] for f in r.get("files", [])}
        t.ok(code == 0 and r.get("verified") is True, f"copy with options {options}", f"exit {code}\n{out}\n{err}")
    t.ok(len(hashes) == 1, "the same bytes in every set", hashes)
    for g in d.wait_no_guests()["departed"]:
        counters[SETS[int(g["name"][1:])]] = g
    names = {s: counters[s]["options"] for s in SETS}
    t.ok(all(names[s] == SHOWN.get(s, s) for s in SETS), "counters name the options", names)
    s = {k: v["shadow"] for k, v in counters.items()}
    t.ok(s["none"]["flushes_deferred"] == 0 < s["lazy"]["flushes_deferred"] and
         s["lazy"]["shadowings"] <= s["none"]["shadowings"], "lazy puts flushes off", (s["none"], s["lazy"]))
    t.ok(s["none"]["ptes_trusted"] == 0 < s["track"]["ptes_trusted"] and
         s["track"]["ptes_scanned"] < s["none"]["ptes_scanned"], "track reads fewer entries", (s["none"], s["track"]))
    t.ok(s["keep"]["ptes_changed"] < s["none"]["ptes_changed"], "keep writes fewer entries", (s["none"], s["keep"]))

    aperture = {k: sum(v["traps"][b][w] for b in ("bar1", "bar3") for w in ("reads", "writes"))
                for k, v in counters.items()}
    t.ok(s["none"]["windows_opened"] == 0 < s["bar-remap"]["windows_opened"] and
         aperture["bar-remap"] * 3 < aperture["none"], "bar-remap traps few BAR accesses", aperture)
    t.ok(aperture["best"] * 3 < aperture["keep,lazy,track"] and s["best"]["windows_opened"] > 0,
         "so does best, though table pages may trap", aperture)

    # At run time.
    a, fds = d.call(op="attach", name="one", mode="full", vram=64 << 20)
    t.ok(a["ok"] and d.status()["guests"][0]["options"] == "none", "without options a guest has none", a)
    code, _, err = run(GPUVM, "set", "one", "options=lazy,track", "weight=300", "--socket", d.path)
    t.ok(code == 0 and d.status()["guests"][0]["options"] == "lazy,track", "gpuvm set changes them", err)
    code, _, err = run(GPUVM, "set", "one", "options=lazy,fast", "--socket", d.path)
    t.ok(code == 2 and "lazy,fast" in err and d.status()["guests"][0]["options"] == "lazy,track",
         "an unknown one is refused by name, the others stay", err)
    code, _, err = run(GPUVM, "set", "one", "options=none", "--socket", d.path)
    t.ok(code == 0 and d.status()["guests"][0]["options"] == "none", "none switches all off", err)
    for options, shown in (("bar-remap", "bar-remap"), ("best", SHOWN["best"]), ("track", "track"),
                           ("optimized", SHOWN["optimized"]), ("none", "none")):
        code, _, err = run(GPUVM, "set", "one", f"options={options}", "--socket", d.path)
        t.ok(code == 0 and d.status()["guests"][0]["options"] == shown, f"options={options} at run time", err)
    for fd in fds:
        os.close(fd)
    d.wait_no_guests()

    # Bad input.
    for mode in ("full,lzay", "full,", "full,lazy,,track", "native,lazy", "naive-pv,track"):
        code, _, err = run(GPUVM, "run", "--socket", d.path, "--mode", mode, "--", "true")
        t.ok(code == 2 and len(err.splitlines()) == 1, f"--mode {mode}: one line, exit code 2", err)
    for options in ("lzay", "", "lazy,", "none,lazy"):
        a, none = d.call(op="attach", name="x", mode="full", vram=64 << 20, options=options)
        t.ok(not a["ok"] and not none, f"attach with options '{options}' is refused", a)
    a, none = d.call(op="attach", name="x", mode="naive-pv", vram=64 << 20, options="lazy")
    t.ok(not a["ok"] and not none, "options are for mode full", a)
    t.ok(d.stop() == 0, "the daemon ends with 0")
t.end()
