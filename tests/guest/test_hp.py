#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hp-pv from the user's side: programs that know nothing of it, all workloads beside guests of the other modes, a guest
killed at work, and what the daemon tells of it."""
import json
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tap import DEADLINE, Daemon, Tap, make_file, prog, run  # noqa: E402
from work import command, names, results, why_not, work  # noqa: E402

t = Tap()
GPUVM, PY = prog("gpuvm"), sys.executable
NODE, COPY, VRAM = (os.path.join(HERE, f) for f in ("drm_node.py", "cl_copy.py", "drm_vram.py"))
MODES = ("full", "naive-pv", "naive-pv,multicall", "hp-pv")


def guest(*argv, mode="hp-pv", **kw):
    return run(GPUVM, "run", "--private", "--mode", mode, "--", *argv, **kw)


def raw_driver():
    """The driver core without the DRM interface."""
    with tempfile.TemporaryDirectory(prefix="gpuvm-hp-") as scratch:
        path = make_file(scratch, "file", 3000001)
        code, out, err = guest(prog("gpuvm-copy"), path)
        t.ok(code == 0 and out.count("verified") == 4, "gpuvm-copy by all engines", out + err)
    code, _, err = run(GPUVM, "run", "--mode", "hp-pv,fast", "--", "true")
    t.ok(code == 2 and "hp-pv,fast" in err, "options that are none", err)


def programs():
    code, out, err = guest(PY, NODE)
    lines = out.splitlines()
    n = json.loads(lines[0]) if code == 0 and lines else {}
    t.ok(n.get("chipset") == n.get("dup") == n.get("parent") == 0xC0 and n.get("child") == {"old": "ENODEV", "open": "EBUSY"},
         "the node is that of every other mode", out + err)
    t.ok(len(lines) == 2 and lines[1] == "192", "after exec the program starts anew", out + err)
    told = {}
    for mode in ("native", "hp-pv"):
        code, out, err = guest("clinfo", mode=mode)
        told[mode] = [x for x in out.splitlines() if "memory size" not in x and "Max memory alloc" not in x]
        t.ok(code == 0 and "NVC0" in out, f"clinfo, {mode}", out + err)
    t.ok(told["native"] == told["hp-pv"], "clinfo tells the same")
    code, out, err = guest(PY, COPY, "200000", "4", "5")
    t.ok(code == 0, "four threads, a context each", out + err)
    code, out, err = guest("sh", "-c", f"{PY} {COPY} 100000 && {PY} {COPY} 100000")
    t.ok(code == 0 and out.count("came back") == 2, "one program after the other", out + err)
    code, out, err = run(GPUVM, "run", "--private", "--mode", "hp-pv", "--vram", "64M", "--", PY, COPY, "40000000")
    t.ok(code == 0, "more than its VRAM holds", out + err)
    code, out, err = guest(PY, VRAM)
    n = json.loads(out) if code == 0 else {}
    t.ok(n == {"vram": True, "size": 1 << 20, "same": [True, True]}, "VRAM is memory to the program", out + err)


def all_modes():
    """Every workload in four guests of one daemon, one in each mode."""
    code, native, err = work("native", "--size", "tiny", "all")
    t.ok(code == 0 and sorted(native) == sorted(names()), "all workloads natively", err)
    want = {k: v["checksum"] for k, v in native.items()}
    d = Daemon()
    ps = {m: subprocess.Popen(command(m, "--size", "tiny", "all", where=("--socket", d.path, "--vram", "192M",
                                                                     "--name", f"g{i}")),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
          for i, m in enumerate(MODES)}
    audits, dirty, modes = 0, None, set()
    while any(p.poll() is None for p in ps.values()):
        a = d.audit()
        audits += 1
        dirty = dirty or (a["violations"] and a["text"])
        modes = max(modes, {g["mode"] for g in d.status()["guests"]}, key=len)
    for m, p in ps.items():
        out, err = p.communicate(timeout=DEADLINE)
        got = {k: v["checksum"] for k, v in results(out).items()}
        t.ok(p.returncode == 0 and got == want, f"{m}: all results right, and the bits native has",
             f"exit {p.returncode} {[k for k in want if want[k] != got.get(k)]}\n{err}")
    t.ok(modes == {"full", "naive-pv", "hp-pv"}, "they ran at the same time", modes)
    t.ok(audits and not dirty, "the isolation audit is clean all the while", dirty)
    counters(d.wait_no_guests())
    t.ok(d.stop() == 0, "the daemon ends well")


def counters(status):
    g = next(x for x in status["departed"] if x["mode"] == "hp-pv")
    hp, traps = g["hp"], g["traps"]
    t.ok(hp["submits"] > 20 and hp["requests"] > hp["submits"] and hp["bytes_copied"] >= 64 * hp["requests"],
         "its requests are counted", hp)
    t.ok(g["submissions"] and g["gpu_ns"]["gr"] and g["sched"]["done"], "its work went through the scheduler", g)
    t.ok(not any(traps[b][k] for b in ("bar0", "bar1", "bar3") for k in ("reads", "writes")),
         "no register and no aperture was touched", traps)
    t.ok(not hp["failed"] and not g["guest_faults"] and not g["denied"], "nothing it asked for was refused", hp)


def killed():
    d = Daemon()
    free = d.status()["host"]["vram_free"]
    r, w = os.pipe()
    p = subprocess.Popen([GPUVM, "run", "--socket", d.path, "--mode", "hp-pv", "--name", "victim", "--", PY, COPY,
                          "2000000", "2", "100000"], pass_fds=[w], env=dict(os.environ, CL_COPY_READY=str(w)),
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         start_new_session=True)
    os.close(w)
    t.ok(os.read(r, 1) == b"r", "a guest at work")
    os.close(r)
    code, out, _ = run(GPUVM, "dump", "--socket", d.path, "victim")
    t.ok(code == 0 and "hp: session 1" in out and "chan 0" in out, "its dump shows the session", out)
    os.killpg(p.pid, signal.SIGKILL)
    p.wait(timeout=DEADLINE)
    s = d.wait_no_guests()
    t.ok(s["host"]["vram_free"] == free and s["departed"][-1]["name"] == "victim", "killed, everything came back", s["host"])
    t.ok(d.audit().get("violations") == 0, "the audit is clean")
    t.ok(d.stop() == 0, "the daemon ends with 0")


raw_driver()
if why_not():
    t.skip("programs on hp-pv", why_not())
else:
    programs()
    all_modes()
    killed()
t.end()
