# SPDX-License-Identifier: MIT
"""What the virtual machine tests and benchmarks share: the GPU's side, the machine, what a kernel may say.

GPUVM_BUILD names the build folder, GPUVM_VM the folder that fetch.sh fills (build/vm).  Console, access counts and
standard error of all programs stay in the build folder's vm-run.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("GPUVM_BUILD", "build"))
VM = os.path.abspath(os.environ.get("GPUVM_VM", "build/vm"))
OUT = os.path.join(BUILD, "vm-run")
KERNELS = ("6.1", "6.12")
VRAM = "64M"
# Nothing here takes half as long on an idle machine: who reaches it hangs.
LIMIT_S = 150

# Warnings that a real headless card causes too (docs/vm.md says why).
EXPECTED = {
    r"failed to create ce channel, -22": ("6.12",),
    r"No compatible format found": ("6.12",),
}
# Of the machine's whole log, what is about the GPU, its driver, or the kernel's own health.
CONCERNS = r"nouveau|nvkm|drm|ttm|0000:01:00|WARNING|BUG|Call Trace|nobody cared|blocked for more than|stall"
# What the program "fault" provokes on purpose.
FAULT = (
    r"fifo: (read |write )?fault .*dead000000",
    r"fifo: \w+ engine fault on channel \d+, recovering",
    r"channel \d+ killed!",
    r"fifo:\d+.*(rc scheduled|errored - disabling channel)",
    # The channel died while its submission was still being noted.
    r"error fencing pushbuf: -19",
)


def wait_until(done, process, what, limit=20):
    until = time.monotonic() + limit
    while not done():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(what)
        time.sleep(0.02)


class Device:
    """A device alone: gpuvm-vfio-native."""

    def __init__(self, tag, vram="256M"):
        os.makedirs(OUT, exist_ok=True)
        self.socket = os.path.join(OUT, tag + ".vfio")
        self.log = os.path.join(OUT, tag + ".server")
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        with open(self.log, "wb") as err:
            self.process = subprocess.Popen(
                [f"{BUILD}/bin/gpuvm-vfio-native", "--gpu", f"sim:vram={vram}", "--vfio-user", self.socket,
                 "--access-log", os.path.join(OUT, tag + ".access")],
                stdout=subprocess.PIPE, stderr=err, text=True,
            )
        wait_until(lambda: os.path.exists(self.socket), self.process, f"{self.socket} did not appear")

    def counts(self):
        """Accesses so far, as `traps` of gpuvm list --json, and "messages"."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())

    def close(self):
        """What was wrong with it, as a list of lines."""
        problems = end(self.process)
        self.process.stdout.close()
        return problems


class Daemon:
    """A mediator; attach() gives it guests."""

    def __init__(self, tag, vram="1G"):
        os.makedirs(OUT, exist_ok=True)
        self.tag = tag
        self.control = os.path.join(OUT, tag + ".ctl")
        if os.path.exists(self.control):
            os.unlink(self.control)
        with open(os.path.join(OUT, tag + ".server"), "wb") as err:
            self.process = subprocess.Popen(
                [f"{BUILD}/bin/gpuvmd", "--gpu", f"sim:vram={vram}", "--socket", self.control], stderr=err)
        wait_until(lambda: os.path.exists(self.control), self.process, f"{self.control} did not appear")

    def ctl(self, op, *args):
        return subprocess.run(
            [f"{BUILD}/bin/gpuvm", op, "--socket", self.control, *args],
            check=False, capture_output=True, text=True, timeout=30,
        )

    def attach(self, mode, name="vm1", vram=VRAM):
        """The socket for a machine."""
        socket = os.path.join(OUT, f"{self.tag}-{name}.vfio")
        if os.path.exists(socket):
            os.unlink(socket)
        r = self.ctl("attach", "--vfio-user", socket, "--name", name, "--mode", mode, "--vram", vram,
                     "--access-log", os.path.join(OUT, f"{self.tag}-{name}.access"))
        if r.returncode:
            raise RuntimeError(r.stderr.strip())
        return socket

    def guests(self):
        return {g["name"]: g for g in json.loads(self.ctl("list", "--json").stdout)["guests"]}

    def close(self):
        audit = self.ctl("audit")
        problems = ["audit: " + audit.stdout.strip()[:500]] if audit.returncode else []
        with open(os.path.join(OUT, self.tag + ".dump"), "w", encoding="utf-8") as f:
            f.write(self.ctl("dump").stdout)
        self.ctl("stop")
        return problems + end(self.process)


def end(process):
    try:
        code = process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return ["the GPU's side does not end"]
    return [f"the GPU's side ended with {code}"] if code else []


class Machine:
    """A machine that boots at once.  Its console is a file; tell() answers its step "wait"."""

    def __init__(self, kernel, socket, steps, tag, **env):
        self.console = os.path.join(OUT, tag + ".console")
        with open(self.console, "wb") as out, open(os.path.join(OUT, tag + ".qemu"), "wb") as err:
            self.process = subprocess.Popen(
                [f"{HERE}/run.sh", VM, kernel, socket, steps],
                stdin=subprocess.PIPE, stdout=out, stderr=err, env=dict(os.environ, **env),
            )

    def text(self):
        with open(self.console, encoding="utf-8", errors="replace") as f:
            return f.read().replace("\r", "")

    def wait_for(self, pattern, limit=LIMIT_S):
        wait_until(lambda: re.search(pattern, self.text(), re.M), self.process, f"never said: {pattern}", limit)

    def tell(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def finish(self, limit=LIMIT_S):
        """All it said."""
        try:
            self.process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        return self.text()


def warnings(text, kernel, provoked=()):
    """Warnings and worse of a kernel that no real card would have caused."""
    allowed = [p for p, kernels in EXPECTED.items() if kernel in kernels] + list(provoked)
    log = text[text.rfind("VM log\n") :]
    lines = [l for l in re.findall(r"^<[0-4]>.*", log, re.M) if re.search(CONCERNS, l)]
    return ["kernel: " + l for l in lines if not any(re.search(p, l) for p in allowed)][:5]


def initramfs(kernel, out, *more, raw=False):
    programs = [f"{BUILD}/vm-guest/{p}" for p in ("copies", "evict", "compute", "fault")]
    kernels = f"{BUILD}/vm-guest/kernels"
    files = [f"{kernels}/{k}=lib/kernels/{k}" for k in sorted(os.listdir(kernels))]
    subprocess.run(
        [sys.executable, f"{HERE}/initramfs.py", *(["--raw"] if raw else []), f"{VM}/linux-{kernel}", f"{VM}/busybox/bin/busybox",
         f"{HERE}/guest-init.sh", out, *programs, *files, *more],
        check=True,
    )


def prepare(*pieces):
    """None, or why the packages cannot be had."""
    r = subprocess.run(["sh", f"{HERE}/fetch.sh", VM, *pieces], check=False, stdout=subprocess.PIPE, text=True)
    if r.returncode == 77:
        return r.stdout.strip()
    r.check_returncode()
    if not os.path.exists(f"{BUILD}/vm-guest/copies"):
        return "the guest programs are not built (make vm-guest)"
    for kernel in KERNELS:
        initramfs(kernel, f"{VM}/initramfs-{kernel}")
    return None
