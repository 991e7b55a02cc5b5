#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench.py [--json FILE] [--loads N] [--modes MODE...] [KERNEL...]: what stock nouveau's probe costs on a virtual GPU.

For each kernel and mode: the accesses from modprobe to the render node (each one a trap: no BAR of a vfio-user guest
is memory), the messages they came in, and the seconds, those of the fastest of N further loads in the same boot (the
least disturbed one).  Processor seconds are the mean of a further load and unload, of the GPU's side and the machine
together.  The floor is the device with no mediator, measured in the same run.
"""
import argparse
import json
import os
import re
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import KERNELS, Daemon, Device, Machine, prepare  # noqa: E402

MODES = ("native", "full", "full,keep", "full,lazy", "full,track", "full,lazy,track", "full,best")
TARGET = 1.25  # full,best to native, in seconds
SPACES = ("config", "bar0", "bar1", "bar3")


def counts(server):
    if isinstance(server, Device):
        c = server.counts()
        return {**{s: c[s] for s in SPACES}, "messages": c["messages"]}
    g = server.guests()["vm1"]
    return {**{s: g["traps"][s] for s in SPACES}, "messages": g["vfio_user"]["messages"], "shadow": g["shadow"]}


def total(c):
    return sum(c[s]["reads"] + c[s]["writes"] for s in SPACES)


def cpu_seconds(*processes):
    """Of the GPU's side and the machine together."""
    ticks = 0
    for p in processes:
        with open(f"/proc/{p.pid}/stat", encoding="ascii", errors="replace") as f:
            ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(kernel, mode, loads):
    tag = f"bench-{kernel}-{mode}".replace(",", "-")
    steps = "wait,load,wait" + ",unload,load" * loads + ",wait"
    server = Device(tag) if mode == "native" else Daemon(tag)
    try:
        machine = Machine(kernel, server.socket if mode == "native" else server.attach(mode, vram="256M"), steps, tag)
        machine.wait_for("^VM wait$")
        before = counts(server)
        machine.tell()
        machine.wait_for("^VM wait$(?s:.*)^VM wait$")
        after = counts(server)
        cpu = cpu_seconds(server.process, machine.process)
        machine.tell()
        machine.wait_for("^VM wait$(?s:.*)^VM wait$(?s:.*)^VM wait$")
        cpu = (cpu_seconds(server.process, machine.process) - cpu) / loads
        machine.tell()
        text = machine.finish()
    finally:
        problems = server.close()
    times = [float(b) - float(a) for a, b in re.findall(r"^VM load ok (\S+) (\S+)$", text, re.M)]
    if problems or len(times) != loads + 1:
        raise RuntimeError(f"{kernel} {mode}: {problems or 'not all loads succeeded'}")
    row = {"kernel": kernel, "mode": mode, "seconds": min(times[1:]), "seconds_median": statistics.median(times[1:]), "seconds_first": times[0], "cpu": cpu,
           "accesses": total(after) - total(before), "messages": after["messages"] - before["messages"]}
    for s in SPACES:
        for what in ("reads", "writes"):
            row[f"{s}_{what}"] = after[s][what] - before[s][what]
    if "shadow" in after:
        for key in ("flushes", "shadowings", "ptes_scanned"):
            row[key] = after["shadow"][key] - before["shadow"].get(key, 0)
    return row


def show(row, floor, full):
    removed = f"{full['accesses'] - row['accesses']:+d}" if full else ""
    print(f"{row['kernel']:5} {row['mode']:16} {row['accesses']:9} {row['messages']:9} {row['seconds']:8.2f} "
          f"{row['seconds'] / floor['seconds']:6.2f} {row['cpu']:6.2f} {row['cpu'] / floor['cpu']:6.2f} {removed:>9} {row.get('ptes_scanned', ''):>9}", flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--json")
    ap.add_argument("--loads", type=int, default=8)
    ap.add_argument("--modes", nargs="+", default=MODES, help="the first is the floor")
    ap.add_argument("kernel", nargs="*", default=KERNELS)
    a = ap.parse_args()
    why = prepare()
    if why:
        print(f"not measured: {why}")
        return 0
    print(f"{'':5} {'mode':16} {'accesses':>9} {'messages':>9} {'seconds':>8} {'ratio':>6} {'cpu s':>6} {'ratio':>6} {'removed':>9} {'scanned':>9}")
    rows = []
    for kernel in a.kernel:
        floor = full = None
        for mode in a.modes:
            row = measure(kernel, mode, a.loads)
            rows.append(row)
            floor, full = floor or row, full or (row if mode == "full" else None)
            show(row, floor, full)
        ratio = row["seconds"] / floor["seconds"]
        print(f"{kernel}: {row['mode']} takes {ratio:.2f} of {floor['mode']}'s probe "
              f"(target for full,best: {TARGET}, {'met' if ratio <= TARGET else 'missed'})")
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
