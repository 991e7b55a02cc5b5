#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock Linux nouveau in QEMU on our GPU, natively and through the mediator.  Speaks TAP.

Each case boots one virtual machine, has it do its steps (guest-init.sh), and looks at what it said
and at every warning of its kernel; the last has two of them and a process on one GPU.
Arguments: names of cases; without any, all.
"""
import glob
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import BUILD, FAULT, KERNELS, OUT, Daemon, Device, Machine, prepare, warnings  # noqa: E402

PROGRAMS = "run:copies,run:compute,run:evict,run:fault,run:copies"
# name, kernel, mode, reloads, interrupt
CASES = (
    ("6.1 native", "6.1", "native", 3, "MSI"),
    ("6.12 native", "6.12", "native", 3, "MSI"),
    ("6.1 full", "6.1", "full", 10, "MSI"),
    ("6.12 full", "6.12", "full", 10, "MSI"),
    ("6.1 full,lazy", "6.1", "full,lazy", 1, "MSI"),
    ("6.12 full,track", "6.12", "full,track", 1, "MSI"),
    ("6.12 full,lazy,track", "6.12", "full,lazy,track", 1, "MSI"),
    ("6.1 full,best", "6.1", "full,best", 1, "MSI"),
    ("6.1 passthrough", "6.1", "passthrough", 1, "MSI"),
    ("6.1 full INTx", "6.1", "full", 1, "INTx"),
    ("6.12 native INTx", "6.12", "native", 1, "INTx"),
)


def check_steps(text, kernel, reloads, interrupt):
    controller = "PCI-MSI" if interrupt == "MSI" else "IO-APIC"
    want = {
        f"kernel {re.escape(kernel)}\\.": "that kernel",
        "load ok": "nouveau loads and a render node appears",
        f"irq [1-9]\\d* {controller}": f"interrupts arrive by {interrupt}",
        "run 0 compute$": "shader programs' results are right",
        "run 0 evict$": "more than VRAM holds is moved out and back",
        "run 0 fault$": "a bad address ends one channel only",
        f"reload ok {reloads}$": "rmmod and modprobe",
        "end$": "the guest reached its end",
    }
    problems = [what for pattern, what in want.items() if not re.search(f"^VM {pattern}", text, re.M)]
    if len(re.findall(r"^VM run 0 copies$", text, re.M)) != 3:
        problems.append("copies are right, also after the faults and the reloads")
    if len(re.findall(r"channel \d+ killed!", text[text.rfind("VM log\n") :])) != 4:
        problems.append("four channels were killed")
    if kernel == "6.1" and not re.search(r"MM: using COPY", text):
        problems.append("the kernel uses a copy engine")
    return problems


def one(kernel, mode, reloads, interrupt, tag):
    option = ":config=NvMSI=0" if interrupt == "INTx" else ""
    steps = f"load{option},{PROGRAMS},irq,reload:{reloads},run:copies"
    server = Device(tag) if mode == "native" else Daemon(tag, "256M" if mode == "passthrough" else "1G")
    problems = []
    try:
        socket = server.socket if mode == "native" else server.attach(mode)
        text = Machine(kernel, socket, steps, tag).finish()
    finally:
        problems += server.close()
    return problems + check_steps(text, kernel, reloads, interrupt) + warnings(text, kernel, FAULT)


def process_guest(daemon, log):
    """OpenCL in a process that shares the GPU."""
    return subprocess.Popen(
        [f"{BUILD}/bin/gpuvm", "run", "--socket", daemon.control, "--name", "process", "--",
         f"{BUILD}/bin/gpuvm-work", "--size", "tiny", "--repeat", "400", "vadd", "mmul", "nn"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    )


def together(tag):
    """Two machines and a process on one GPU; one machine is killed in the middle of its copies."""
    daemon, problems, machine = Daemon(tag), [], {}
    steps = {"6.1": "load,run:copies,wait,run:copies:endless",
             "6.12": "load,run:copies,wait,run:copies,run:compute,run:evict,run:copies"}
    try:
        for k in KERNELS:
            machine[k] = Machine(k, daemon.attach("full", "vm" + k), steps[k], f"{tag}-{k}")
        for k in KERNELS:
            machine[k].wait_for("^VM wait$")
        with open(os.path.join(OUT, tag + ".process"), "wb") as log:
            process = process_guest(daemon, log)
            for k in KERNELS:
                machine[k].tell()
            machine["6.1"].wait_for("^copies: endless 1$")
            machine["6.1"].kill()
            text = machine["6.12"].finish()
            if process.wait(timeout=120):
                problems.append("OpenCL in the process: exit code not 0")
        if "vm6.1" in daemon.guests():
            problems.append("the killed machine is still a guest")
    finally:
        for m in machine.values():
            m.kill()
        problems += daemon.close()
    if not re.search("^VM run 0 copies$", machine["6.1"].text(), re.M):
        problems.append("copies in 6.1")
    for what, times in (("copies", 3), ("compute", 1), ("evict", 1)):
        if len(re.findall(f"^VM run 0 {what}$", text, re.M)) != times:
            problems.append(f"{what} in 6.12")
    return problems + warnings(text, "6.12")


def main():
    why = prepare()
    if why:
        print(f"1..1\nok 1 - virtual machines # SKIP {why}")
        return 0
    runs = [(c[0], lambda tag, c=c: one(*c[1:], tag)) for c in CASES]
    runs.append(("6.1 and 6.12 and a process", together))
    only = sys.argv[1:]
    runs = [r for r in runs if not only or r[0] in only]
    print(f"1..{len(runs)}")
    failures = 0
    for number, (name, run) in enumerate(runs, 1):
        start = time.monotonic()
        tag = name.replace(" ", "-").replace(",", "-")
        try:
            problems = run(tag)
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:
            problems = [str(e)]
        for p in problems:
            print(f"# {p}")
        for f in [] if problems else glob.glob(f"{OUT}/{tag}*.access"):
            os.unlink(f)
        if problems:
            print(f"# see {OUT}/{tag}*")
        print(f"{'not ' if problems else ''}ok {number} - {name} # {time.monotonic() - start:.0f} s", flush=True)
        failures += bool(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
