# SPDX-License-Identifier: MIT
"""What guests whose processes share the GPU (gpuvm run --shared) are asked to show, for the scenarios that do."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tap import DEADLINE, prog, run  # noqa: E402
from work import GPUVM, WORK  # noqa: E402

PROG, NODE = os.path.join(HERE, "shared_prog.py"), os.path.join(HERE, "drm_node.py")
CONFORM = prog("gpuvm-conform")
HOSTILE = os.path.join(HERE, "..", "cl", "hostile", "hostile.cl")
PY = sys.executable
WORKS = ("--size", "tiny", "madd", "bfs", "many")
EXIT_LOST = 71


def inside(mode, *argv, where=("--private",)):
    """(exit code, the program's JSON or {}, everything it said)"""
    code, out, err = run(GPUVM, "run", *where, "--shared", "--mode", mode, "--", *argv)
    try:
        return code, json.loads(out) if out.strip() else {}, out + err
    except ValueError:
        return code, {}, out + err


def node(t, mode):
    """It is what it is without --shared, but for what a child may do."""
    code, out, err = run(GPUVM, "run", "--private", "--shared", "--mode", mode, "--", PY, NODE)
    n = json.loads(out.splitlines()[0]) if code == 0 and out else {}
    t.ok(n.get("stat") == n.get("lstat") == n.get("fstat") == [True, 226, 128], f"{mode}: a character device", out + err)
    t.ok(n.get("chipset") == n.get("openat") == n.get("dup") == n.get("after dup") == 0xc0 and n.get("closed") == "EBADF" and
         n.get("other ioctl") == "ENOTTY" and n.get("bad param") == "EINVAL", f"{mode}: calls and what is refused", out)
    t.ok(n.get("devices") == 1 and n.get("node type") == 2, f"{mode}: libdrm finds it", out)
    t.ok(n.get("child") == {"old": "", "open": ""} and n.get("parent") == 0xc0, f"{mode}: a child has what its parent has", out)


def buffers(t, mode):
    code, r, text = inside(mode, PY, PROG, "prime")
    good = {"size": [16384] * 3, "seen": [True] * 3, "exit": 7}
    t.ok(code == 0 and r.get("vram") == good and r.get("gart") == good, f"{mode}: buffers outlive who made them", text)
    t.ok(r.get("no buffer") == ["EINVAL", "EINVAL", "EBADF"], f"{mode}: what is no buffer is refused", text)


def forks(t, mode):
    code, r, text = inside(mode, PY, PROG, "forks")
    t.ok(code == 0 and r.get("written") == "child" and r.get("its buffer") == 16384 and r.get("orphan") is True,
         f"{mode}: fork shares the open node and what is mapped", text)
    t.ok(r.get("exec") == ["EBADF", 16384], f"{mode}: exec keeps what is not close-on-exec", text)


def stale(t, mode):
    code, r, text = inside(mode, PY, PROG, "stale")
    t.ok(code == 0 and r == {"code": EXIT_LOST, "fault": True, "clean": True},
         f"{mode}: an address given back leads to nobody else's memory", text)


def headless(t, mode):
    code, _, text = inside(mode, PY, PROG, "headless")
    t.ok(code == EXIT_LOST and "this guest's GPU is gone" in text, f"{mode}: without its service a program ends and says why", text)


def crowd(t, d, mode, n):
    """Many at once, each with the results that it has alone."""
    where = ("--socket", d.path, "--name", "crowd", "--vram", "256M")
    code, r, text = inside(mode, PY, PROG, "crowd", str(n), WORK, "--json", *WORKS, where=() if mode == "native" else where)
    t.ok(code == 0 and r.get("codes") == [0] * n and r.get("same") and r.get("sums") == 3 and r.get("ready"),
         f"{mode}: {n} programs at once, and one killed at work", text)


def counters(t, d, mode, moved, still):
    """They are the mode's own, whoever drives the GPU."""
    script = f"{WORK} --size tiny madd >/dev/null && {GPUVM} show --socket {d.path} --json g"
    code, r, text = inside(mode, "sh", "-c", script, where=("--socket", d.path, "--name", "g"))
    c = r.get("counters", {})
    t.ok(code == 0 and r.get("mode") == mode and all(c.get(x, 0) > 0 for x in moved) and all(c.get(x) == 0 for x in still),
         f"{mode}: the mode's own counters move", text)


def strangers(t, d):
    """Between guests a descriptor is a number without meaning."""
    with tempfile.TemporaryDirectory(prefix="gpuvm-shared-") as scratch:
        path = os.path.join(scratch, "s")
        taker = subprocess.Popen([GPUVM, "run", "--socket", d.path, "--name", "taker", "--shared", "--", PY, PROG, "take", path],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        listening = taker.stdout.readline()
        code, r, text = inside("full", PY, PROG, "give", path, where=("--socket", d.path, "--name", "giver"))
        out, err = taker.communicate(timeout=DEADLINE)
    got = json.loads(out) if out.strip() else {}
    t.ok(listening and code == 0 and r == 0xc0, "a guest gives a buffer and its node away", text)
    t.ok(got == {"import": "EINVAL", "map": "ENODEV", "ioctl": "ENOTTY", "read": "EAGAIN", "own": 0xc0},
         "to another guest they are nothing", out + err)


def limits(t, d, mode):
    """What a guest may have, its processes have together: how much each gets is who comes first."""
    code, r, text = inside(mode, PY, PROG, "limits", where=("--socket", d.path, "--vram", "64M", "--ram", "256M"))
    nodes, chans, mem = r.get("nodes", [0, ""]), r.get("channels", [0, ""]), r.get("memory", [])
    t.ok(code == 0 and nodes[0] >= 16 and nodes[1] in ("EMFILE", "ENOSPC", "EDQUOT"), f"{mode}: nodes end with an errno", text)
    t.ok(chans[0] >= 16 and chans[1] == "ENOSPC", f"{mode}: channels do", text)
    t.ok(len(mem) == 2 and all(m[1] == "ENOMEM" for m in mem) and 200 < sum(m[0] for m in mem) <= 320,
         f"{mode}: two processes have the guest's memory between them", text)
    t.ok(r.get("after") == "", f"{mode}: what they had comes back", text)


def lost(t, mode):
    """Work that is lost ends its own program, and no other of the guest."""
    with tempfile.TemporaryDirectory(prefix="gpuvm-shared-") as scratch:
        code, r, text = inside(mode, PY, PROG, "lost", CONFORM, "--dump", scratch, HOSTILE, "wild_write")
    t.ok(code == 0 and r.get("code") == EXIT_LOST and "its work on the GPU is lost" in r.get("err", ""),
         f"{mode}: a program that loses its work is ended and told why", text)
    t.ok(r.get("other") == 0, f"{mode}: one beside it goes on", text)
