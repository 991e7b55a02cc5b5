#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that do wrong on the GPU: endless loops, wild addresses, memory and stacks overrun, garbage as code.  Each
ends by itself with the reason in words, natively and as a guest; the mediator names the guest; a neighbour's verified
work stays right meanwhile; the audit is clean."""
import os
import random
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(__file__))
from tap import DEADLINE, Daemon, Tap, prog, run  # noqa: E402
from work import GPUVM, why_not  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CONFORM = prog("gpuvm-conform")
CASES = os.path.join(HERE, "..", "cl", "hostile", "hostile.cl")
# A program that lives on what the GPU puts into memory is ended with this.
EXIT_LOST = 71
LIMIT = "1s"
FAULT, TRAP, LONG = "MMU fault", "a shader program broke a rule", "took "
# Case: what stderr says of it.
OPENCL = {
    "endless": LONG, "endless_some": LONG, "wild_read": FAULT, "wild_write": FAULT, "wild_atomic": FAULT,
    "null_write": FAULT, "shared_overrun": TRAP, "stack_overrun": TRAP, "misaligned": TRAP,
}
GARBAGE = 4
# What is enough where only the page tables, or only the way to the driver, differ.
FEW = ("endless", "wild_write", "shared_overrun", "recursion", "garbage0")
NEIGHBOUR = ("--size", "tiny", "nop", "madd", "mmul", "hotspot", "bfs", "pathfinder")
t = Tap()


def assemble(folder, name, text):
    src, out = os.path.join(folder, name + ".s"), os.path.join(folder, name)
    with open(src, "w") as f:
        f.write(text)
    code, _, err = run(GPUVM, "asm", src, "-o", out)
    if code:
        raise RuntimeError(err)
    return out


def code_files(folder):
    """{name: (file, what stderr says or None if that depends)}"""
    files = {
        "zeros": (os.path.join(folder, "zeros"), TRAP),
        "recursion": (assemble(folder, "recursion", "again: call again\nexit\n"), TRAP),
        "endless": (assemble(folder, "endless", "again: bra again\nexit\n"), LONG),
    }
    with open(files["zeros"][0], "wb") as f:
        f.write(bytes(256))
    for seed in range(GARBAGE):
        path = os.path.join(folder, f"garbage{seed}")
        with open(path, "wb") as f:
            f.write(random.Random(seed).randbytes(4096))
        files[f"garbage{seed}"] = (path, None)
    return files


class Neighbour(threading.Thread):
    """Runs verified workloads in guests of the daemon until told to stop, and at least once."""

    def __init__(self, d):
        super().__init__()
        self.d, self.rounds, self.bad, self.over = d, 0, None, threading.Event()
        self.start()

    def run(self):
        while not self.bad and not (self.over.is_set() and self.rounds):
            where = ("--socket", self.d.path, "--name", f"neighbour.{self.rounds}")
            p = subprocess.run([GPUVM, "run", *where, "--", prog("gpuvm-work"), "--json", *NEIGHBOUR],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if p.returncode:
                self.bad = f"exit {p.returncode}: {p.stdout[-500:]}{p.stderr[-500:]}"
            self.rounds += 1


def hostile_cl(what, head, folder, name, word):
    try:
        code, out, err = run(*head, CONFORM, "--dump", folder, CASES, name)
    except subprocess.TimeoutExpired:
        t.ok(False, f"{what}: ends", f"not within {DEADLINE} s")
        return
    t.ok(code == EXIT_LOST and "done" not in out, f"{what}: the program is ended", f"exit {code}\n{out}{err}")
    t.ok(word in err and "its work on the GPU is lost" in err, f"{what}: and told why", err)


def hostile_code(what, head, path, word):
    try:
        code, out, err = run(*head, sys.executable, os.path.join(HERE, "shader_code.py"), path)
    except subprocess.TimeoutExpired:
        t.ok(False, f"{what}: ends", f"not within {DEADLINE} s")
        return
    calls = [line.split() for line in out.splitlines()]
    want = [["wait", "0"], ["pushbuf", "ENODEV"], ["wait", "0"], ["word", "0"]]
    # It may be dead before the call that killed it is over.
    t.ok(code == 0 and calls[1:] == want and calls[0][0] == "pushbuf", f"{what}: its next call is refused", f"exit {code}\n{out}{err}")
    t.ok("channel 0 died: " in err and (not word or word in err), f"{what}: and told why", err)


def everything(mode, where, files, folder, names_only=None):
    """The names of the guests that did wrong."""
    names = []

    def head(name):
        names.append(name)
        w = where + (["--name", name] if where != ["--private"] else [])
        return [GPUVM, "run", *w, "--mode", mode, "--timeout", LIMIT, "--"]

    for name, word in OPENCL.items():
        if not names_only or name in names_only:
            hostile_cl(f"{mode}: {name}", head(f"{mode}.{name}"), folder, name, word)
    for name, (path, word) in files.items():
        if not names_only or name in names_only:
            hostile_code(f"{mode}: code, {name}", head(f"{mode}.code.{name}"), path, word)
    return names


reason = why_not() or (None if os.path.exists(CONFORM) else "gpuvm-conform is not built")
if reason:
    t.skip("hostile programs", reason)
    t.end()
with tempfile.TemporaryDirectory(prefix="gpuvm-hostile-") as scratch:
    programs = code_files(scratch)
    everything("native", ["--private"], programs, scratch)
    daemon = Daemon()
    neighbour = Neighbour(daemon)
    guilty = []
    guilty += everything("full", ["--socket", daemon.path], programs, scratch)
    for m in ("naive-pv", "hp-pv"):
        guilty += everything(m, ["--socket", daemon.path], programs, scratch, FEW)
    neighbour.over.set()
    neighbour.join()
    t.ok(not neighbour.bad, f"the neighbour's work was right in all of {neighbour.rounds} rounds", neighbour.bad)
    daemon.wait_no_guests()
    audit, log = daemon.audit(), daemon.text()
    t.ok(audit["violations"] == 0, "the audit is clean", audit["text"])
    unnamed = [g for g in guilty if f"guest {g}: channel 0" not in log]
    t.ok(not unnamed, f"the mediator named each of {len(guilty)} guests that did wrong", f"{unnamed}\n{log}")
    t.ok("warning: guest neighbour" not in log, "and not the neighbour", log)
    code, out, err = run(GPUVM, "run", "--socket", daemon.path, "--", prog("gpuvm-work"), "--size", "tiny", "mmul")
    t.ok(code == 0, "a guest that comes afterwards works", out + err)
    t.ok(daemon.stop() == 0, "the daemon ends with 0")
t.end()
