#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock Linux nouveau in QEMU on our GPU, natively and through the mediator.  Speaks TAP.

Each case boots one virtual machine, has it do its steps (guest-init.sh), and looks at what it said
and at every warning of its kernel.  Console and stderr of all programs stay in O/vm-run.
GPUVM_BUILD names the build folder, GPUVM_VM the folder that fetch.sh fills (build/vm).
"""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("GPUVM_BUILD", "build"))
VM = os.path.abspath(os.environ.get("GPUVM_VM", "build/vm"))
OUT = os.path.join(BUILD, "vm-run")
LIMIT_S = 150

# Warnings of nouveau that a real headless card gives too, and why.
EXPECTED = {
    # Linux 6.12 asks for a privileged channel, which its code for Fermi has not [nvkm/engine/fifo/chan.c].
    r"failed to create ce channel, -22": ("6.12",),
    # No connector, so no display to put a console on.
    r"No compatible format found": ("6.12",),
}
# What the fault program provokes on purpose.
FAULT = (
    r"fifo: (read )?fault .*dead000000",
    r"fifo: gr engine fault on channel \d+, recovering",
    r"channel \d+ killed!",
    # 6.12 in its own words.
    r"fifo:\d+.*(rc scheduled|errored - disabling channel)",
)

STEPS = "load,irq,run:copies,run:copies:fault,run:copies,reload%d"
CASES = (
    ("6.1 native", "6.1", "native", 10),
    ("6.1 full", "6.1", "full", 10),
    ("6.12 native", "6.12", "native", 3),
    ("6.12 full", "6.12", "full", 3),
    ("6.1 passthrough", "6.1", "passthrough", 2),
)


def wait_for_path(path, process):
    until = time.monotonic() + 20
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{path} did not appear")
        time.sleep(0.02)


class Server:
    """The GPU's side: a device alone, or a daemon with one guest.  Answers problems of its own."""

    def __init__(self, mode, tag):
        self.socket = os.path.join(OUT, tag + ".vfio")
        self.control = os.path.join(OUT, tag + ".ctl")
        self.mode = mode
        for p in (self.socket, self.control):
            if os.path.exists(p):
                os.unlink(p)
        with open(os.path.join(OUT, tag + ".server"), "wb") as err:
            self.process = subprocess.Popen(self.command(), stderr=err)
        if mode == "native":
            wait_for_path(self.socket, self.process)
        else:
            wait_for_path(self.control, self.process)
            self.ctl("attach", "--vfio-user", self.socket, "--name", "vm1", "--mode", mode, "--vram", "256M")

    def command(self):
        if self.mode == "native":
            return [f"{BUILD}/bin/gpuvm-vfio-native", "--gpu", "sim:vram=256M", "--vfio-user", self.socket]
        return [f"{BUILD}/bin/gpuvmd", "--gpu", "sim:vram=1G", "--socket", self.control]

    def ctl(self, op, *args):
        return subprocess.run(
            [f"{BUILD}/bin/gpuvm", op, "--socket", self.control, *args],
            check=False, capture_output=True, text=True, timeout=30,
        )

    def close(self):
        problems = []
        if self.mode != "native":
            audit = self.ctl("audit")
            if audit.returncode:
                problems.append("audit: " + audit.stdout.strip()[:500])
            self.ctl("stop")
        try:
            code = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return problems + ["the server does not end"]
        return problems + ([f"the server ended with {code}"] if code else [])


def boot(kernel, socket, steps, tag):
    console = os.path.join(OUT, tag + ".console")
    with open(console, "wb") as out, open(os.path.join(OUT, tag + ".qemu"), "wb") as err:
        machine = subprocess.Popen([f"{HERE}/run.sh", VM, kernel, socket, steps], stdout=out, stderr=err)
        try:
            machine.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            machine.kill()
            machine.wait()
    with open(console, encoding="utf-8", errors="replace") as f:
        return f.read().replace("\r", "")


def check_steps(text, kernel, reloads):
    want = {
        f"kernel {re.escape(kernel)}\\.": "that kernel",
        "load ok": "nouveau loads and a render node appears",
        "irq [1-9]": "interrupts arrive",
        "run 0 copies$": "copies are right",
        "run 0 copies fault$": "a bad address ends one channel only",
        f"reload ok {reloads}$": "rmmod and modprobe",
        "end$": "the guest reached its end",
    }
    problems = [what for pattern, what in want.items() if not re.search(f"^VM {pattern}", text, re.M)]
    if len(re.findall(r"^VM run 0 copies$", text, re.M)) != 2:
        problems.append("copies are right again after the fault")
    if kernel == "6.1" and not re.search(r"MM: using COPY", text):
        problems.append("the kernel uses a copy engine")
    return problems


def check_log(text, kernel):
    """Warnings and worse that nouveau said and no real card would have made it say."""
    allowed = [p for p, kernels in EXPECTED.items() if kernel in kernels] + list(FAULT)
    lines = [l for l in re.findall(r"^<[0-4]>.*", text, re.M) if "nouveau" in l]
    return ["kernel: " + l for l in lines if not any(re.search(p, l) for p in allowed)][:5]


def case(kernel, mode, reloads, tag):
    server = Server(mode, tag)
    try:
        text = boot(kernel, server.socket, STEPS % reloads, tag)
    finally:
        problems = server.close()
    return problems + check_steps(text, kernel, reloads) + check_log(text, kernel)


def prepare():
    """None, or why the packages cannot be had."""
    r = subprocess.run(["sh", f"{HERE}/fetch.sh", VM], check=False, stdout=subprocess.PIPE, text=True)
    if r.returncode == 77:
        return r.stdout.strip()
    r.check_returncode()
    for kernel in ("6.1", "6.12"):
        subprocess.run(
            [sys.executable, f"{HERE}/initramfs.py", f"{VM}/linux-{kernel}", f"{VM}/busybox/bin/busybox",
             f"{HERE}/guest-init.sh", f"{VM}/initramfs-{kernel}", f"{BUILD}/vm-guest/copies"],
            check=True,
        )
    return None


def main():
    why = prepare()
    if why:
        print(f"1..1\nok 1 - virtual machines # SKIP {why}")
        return 0
    os.makedirs(OUT, exist_ok=True)
    only = sys.argv[1:]
    cases = [c for c in CASES if not only or c[0] in only]
    print(f"1..{len(cases)}")
    failures = 0
    for number, (name, kernel, mode, reloads) in enumerate(cases, 1):
        start = time.monotonic()
        tag = name.replace(" ", "-")
        try:
            problems = case(kernel, mode, reloads, tag)
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:
            problems = [str(e)]
        for p in problems:
            print(f"# {p}")
        if problems:
            print(f"# see {OUT}/{tag}.*")
        print(f"{'not ' if problems else ''}ok {number} - {name} # {time.monotonic() - start:.0f} s", flush=True)
        failures += bool(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
