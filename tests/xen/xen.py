#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests of a real Xen share the GPU: one boot of Xen and dom0 in QEMU, all scenarios in it.  Speaks TAP.

  tests/xen/xen.py [SCENARIO...]      (scenario-*.sh have them)

Each thing that a scenario shows is one result.  The console stays in O/xen-run/console.
GPUVM_BUILD names the build folder, GPUVM_VM the folder that fetch.sh fills (build/vm).
"""
import os
import re
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("GPUVM_BUILD", "build"))
VM = os.path.abspath(os.environ.get("GPUVM_VM", "build/vm"))
OUT = os.path.join(BUILD, "xen-run")
# Functions of scenario-*.sh, in this order.
ALL = (
    "full",
    "two",
    "destroyed",
    "auto",
    "hp_pv",
    "naive_pv",
    "destroyed_pv",
)
# Bounds a hang; the whole set takes a few minutes on a quiet machine.
LIMIT_S = 1500


def skip(why):
    print(f"1..1\nok 1 - guests of Xen # SKIP {why}")
    return 0


def prepare():
    """None, or why it cannot be tried here."""
    daemon = subprocess.run(["ldd", f"{BUILD}/bin/gpuvmd"], check=False, capture_output=True, text=True).stdout
    if "libxenforeignmemory" not in daemon:
        return "gpuvmd was built without Xen's libraries (libxen-dev)"
    r = subprocess.run(["sh", f"{HERE}/fetch.sh", VM], check=False, stdout=subprocess.PIPE, text=True)
    if r.returncode == 77:
        return r.stdout.strip()
    r.check_returncode()
    subprocess.run([sys.executable, f"{HERE}/image.py", VM, BUILD, OUT], check=True)
    return None


def boot(scenarios):
    """The console, while it is written: results appear as they come."""
    until = time.monotonic() + LIMIT_S
    with open(f"{OUT}/console", "w", encoding="utf-8") as log:
        qemu = subprocess.Popen(
            [f"{HERE}/run.sh", VM, OUT, ",".join(scenarios)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )
        watch = threading.Timer(LIMIT_S, qemu.kill)
        watch.daemon = True
        watch.start()
        for line in qemu.stdout:
            log.write(f"{LIMIT_S - until + time.monotonic():8.2f} {line}")
            log.flush()
            yield line.strip()
        qemu.wait()
        watch.cancel()


def main():
    os.makedirs(OUT, exist_ok=True)
    scenarios = sys.argv[1:] or ALL
    why = prepare()
    if why:
        return skip(why)
    count = failures = 0
    ended = set()
    for line in boot(scenarios):
        m = re.match(r"XEN (not )?ok (.*)", line)
        if m:
            count += 1
            failures += bool(m.group(1))
            print(f"{m.group(1) or ''}ok {count} - {m.group(2)}", flush=True)
        elif line.startswith("XEN scenario "):
            ended.add(line.split()[2])
            print("# " + line, flush=True)
        elif line.startswith("XEN "):
            ended.add(line[4:])
    for name in [f"scenario {s} came to its end" for s in scenarios if s not in ended] + (
        [] if "end" in ended else ["Xen and dom0 came to their end"]
    ):
        count += 1
        failures += 1
        print(f"not ok {count} - {name}")
    print(f"1..{count}")
    if failures:
        print(f"# see {OUT}/console")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
