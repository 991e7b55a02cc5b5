#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench.py [--json FILE]: what a virtual GPU costs in a domain of a real Xen (in QEMU, see xen.py).

One boot: the floors (an IOREQ server and an event channel that do nothing), a process guest in dom0, and a PVH
domain in each option set of mode full.  Rows are figure, value, floor and their ratio; the processor is emulated, so
only ratios mean anything.
"""
import argparse
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xen  # noqa: E402

# figure, what it is, its floor: (run, figure)
ROWS = (
    ("ioreq-echo", "a load that an idle IOREQ server answers", None),
    ("event-ping-pong", "an event to dom0 and one back", None),
    ("bar0-load", "a load of BAR0", ("floor", "ioreq-echo")),
    ("bar0-store", "a store to BAR0", ("floor", "ioreq-echo")),
    ("table-store", "a store to a table in guest memory", ("floor", "ioreq-echo")),
    ("doorbell-fence", "doorbell to fence", ("floor", "ioreq-echo")),
    ("doorbell-msi", "doorbell to MSI", ("floor", "ioreq-echo")),
    ("call", "a call to the mediator", ("floor", "event-ping-pong")),
    ("driver-start", "the driver's start", None),
    ("ptes-1", "entries a second, 1 at a time", None),
    ("ptes-16", "entries a second, 16 at a time", None),
    ("ptes-256", "entries a second, 256 at a time", None),
    ("copy", "gpuvm-copy of 64 KiB, the whole program", ("process", "copy")),
)


def collect():
    """{run: {figure: (value, unit)}}, what went wrong, and what could not be tried."""
    runs, wrong, left_out = {}, [], []
    for line in xen.boot(["bench"]):
        m = re.match(r"XEN bench (\S+) (\S+) (\S+) (\S+)$", line)
        if m:
            runs.setdefault(m.group(1), {})[m.group(2)] = (float(m.group(3)), m.group(4))
        elif line.startswith("XEN not ok") or re.search(r"gpuvm-xen-(bench|echo): ", line):
            wrong.append(line)
        elif line.startswith("XEN bench-left-out "):
            left_out.append(line.split(None, 2)[2])
    return runs, wrong, left_out


def rows(runs):
    for name, text, floor in ROWS:
        for run, figures in runs.items():
            if name not in figures:
                continue
            value, unit = figures[name]
            base = runs.get(floor[0], {}).get(floor[1]) if floor else None
            row = {"run": run, "figure": name, "text": text, "value": value, "unit": unit}
            if base and (run, name) != floor:
                row.update(floor="/".join(floor), floor_value=base[0], ratio=value / base[0])
            yield row


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--json", metavar="FILE")
    a = ap.parse_args()
    os.makedirs(xen.OUT, exist_ok=True)
    why = xen.prepare()
    if why:
        print(f"bench-xen: {why}")
        return 0
    runs, wrong, left_out = collect()
    table = list(rows(runs))
    print(f"{'run':10} {'figure':42} {'value':>12} {'unit':9} {'floor':>10} {'ratio':>7}")
    for r in table:
        tail = f"{r['floor_value']:10.1f} {r['ratio']:7.2f}" if "ratio" in r else f"{'-':>10} {'-':>7}"
        print(f"{r['run']:10} {r['text']:42} {r['value']:12.1f} {r['unit']:9} {tail}")
    for line in left_out:
        print("left out: " + line)
    for line in wrong:
        print("wrong: " + line)
    if a.json:
        with open(a.json, "w", encoding="ascii") as f:
            json.dump({"rows": table, "wrong": wrong, "left_out": left_out}, f, indent=2)
            f.write("\n")
    return 1 if wrong or not table else 0


if __name__ == "__main__":
    sys.exit(main())
