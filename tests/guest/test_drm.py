#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The nouveau interface as programs meet it: the node in /dev/dri, stock libdrm and Mesa on it in every mode, several
guests at once, guests that are killed, and programs that want nothing of it."""
import json
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tap import BUILD, DEADLINE, Daemon, Tap, prog, run  # noqa: E402

t = Tap()
GPUVM = prog("gpuvm")
LIB = os.path.join(BUILD, "lib", "libgpuvm-drm.so")
NODE, COPY = os.path.join(HERE, "drm_node.py"), os.path.join(HERE, "cl_copy.py")
PY = sys.executable

if not os.path.exists(LIB):
    t.skip("the preloaded library", "a sanitizer's run-time cannot be preloaded")
    t.end()


def guest(mode, *argv, **kw):
    return run(GPUVM, "run", "--private", "--mode", mode, "--", *argv, **kw)


def env(**more):
    e = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "RUSTICL_ENABLE", "OCL_ICD_VENDORS")}
    return dict(e, **more)


# The environment.
code, out, err = run(GPUVM, "run", "--mode", "native", "--verbose", "--", "env", env=env(RUSTICL_ENABLE="swrast"))
v = dict(x.split("=", 1) for x in out.splitlines() if "=" in x)
t.ok(v.get("LD_PRELOAD") == LIB and v.get("OCL_ICD_VENDORS") == "rusticl.icd", "gpuvm run sets the environment", out)
t.ok(v.get("RUSTICL_ENABLE") == "swrast", "what the user set stays", out)
t.ok("LD_PRELOAD" in err and "OCL_ICD_VENDORS=rusticl.icd" in err and "swrast stays" in err, "--verbose says so", err)
code, out, err = run(GPUVM, "run", "--mode", "native", "--", "env", env=env(LD_PRELOAD="libm.so.6"))
t.ok(f"LD_PRELOAD={LIB}:libm.so.6" in out, "an LD_PRELOAD that is there is kept", out)
code, out, err = run(GPUVM, "run", "--mode", "native", "--no-drm", "--", "env", env=env())
t.ok("LD_PRELOAD" not in out and "RUSTICL" not in out, "--no-drm leaves it out", out)

# Programs that do not touch the GPU.
with tempfile.TemporaryDirectory(prefix="gpuvm-drm-") as scratch:
    path = os.path.join(scratch, "file")
    for what, e in (("no guest", env(LD_PRELOAD=LIB)), ("no such GPU", env(LD_PRELOAD=LIB, GPUVM_NATIVE="nosuch")),
                    ("a broken guest", env(LD_PRELOAD=LIB, GPUVM_GUEST="1,2,3,4,5"))):
        code, out, err = run("sh", "-c", f"echo hello >{path} && cat {path} && ls {scratch} | sort | head -1", env=e)
        t.ok(code == 0 and out == "hello\nfile\n" and not err, f"the library does not disturb others: {what}", out + err)
        if what != "no guest":
            code, out, err = run("cat", "/dev/dri/renderD128", env=e)
            t.ok(code == 1 and err.count("gpuvm: error: no GPU") == 1, f"the node cannot be opened: {what}", err)

# The node.
for mode in ("native", "full"):
    code, out, err = guest(mode, PY, NODE)
    lines = out.splitlines()
    n = json.loads(lines[0]) if code == 0 and lines else {}
    chr_node = [True, 226, 128]
    t.ok(n.get("list") == ["renderD128"] and n.get("card0") == "ENOENT", f"{mode}: /dev/dri has one node", out + err)
    t.ok(n.get("stat") == n.get("lstat") == n.get("fstat") == chr_node, f"{mode}: a character device 226:128", out)
    t.ok(n.get("subsystem") == "pci" and n.get("device") == "0x06d8" and n.get("real", "").startswith("/sys/devices/"),
         f"{mode}: /sys tells what it is", out)
    t.ok(n.get("chipset") == n.get("openat") == n.get("dup") == n.get("after dup") == 0xc0,
         f"{mode}: open, openat and dup give a GF100", out)
    t.ok(n.get("bad param") == "EINVAL" and n.get("closed") == "EBADF" and n.get("other ioctl") == "ENOTTY" and
         n.get("other file") == "ENOTTY", f"{mode}: what is refused", out)
    t.ok(n.get("devices") == 1 and n.get("node type") == 2 and n.get("name") == "/dev/dri/renderD128",
         f"{mode}: libdrm finds it", out)
    want = {"old": "ENODEV", "open": "" if mode == "native" else "EBUSY"}
    t.ok(n.get("child") == want and n.get("parent") == 0xc0, f"{mode}: a child has a GPU of its own or none", out)
    t.ok(("another process of this guest drives the GPU" in err) == (mode != "native"),
         f"{mode}: and is told why it has none", err)
    t.ok(len(lines) == 2 and lines[1] == "192", f"{mode}: after exec the program starts anew", out + err)

# Stock OpenCL.
listed = {}
for mode in ("native", "passthrough", "full"):
    code, out, err = guest(mode, "clinfo")
    listed[mode] = [x for x in out.splitlines() if "memory size" not in x and "Max memory alloc" not in x]
    t.ok(code == 0 and "NVC0" in out and "rusticl" in out, f"{mode}: clinfo lists the card", out + err)
    code, out, err = guest(mode, PY, COPY, "3000001")
    t.ok(code == 0, f"{mode}: data there and back", out + err)
    code, out, err = guest(mode, PY, COPY, "200000", "4", "5")
    t.ok(code == 0, f"{mode}: four threads, a context each", out + err)
t.ok(listed["native"] == listed["full"], "clinfo tells the same natively and in full mode")
code, out, err = guest("full", "sh", "-c", f"{PY} {COPY} 100000 && {PY} {COPY} 100000")
t.ok(code == 0 and out.count("came back") == 2, "full: one program after the other", out + err)
code, out, err = run(GPUVM, "run", "--private", "--vram", "64M", "--", PY, COPY, "40000000")
t.ok(code == 0, "full: more than its VRAM holds", out + err)


def start(d, name, *args):
    r, w = os.pipe()
    p = subprocess.Popen([GPUVM, "run", "--socket", d.path, "--name", name, "--vram", "128M", "--", PY, COPY, *args],
                         pass_fds=[w], env=dict(os.environ, CL_COPY_READY=str(w)), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    os.close(w)
    ready = os.read(r, 1) == b"r"
    os.close(r)
    return p, ready


# Guests side by side; one of them killed at work.
d = Daemon()
base = d.status()["host"]["vram_free"]
both = [start(d, f"g{i}", "500000", "2", "20") for i in range(2)]
ends = [p.communicate(timeout=DEADLINE)[0] for p, _ in both]
t.ok(all(p.returncode == 0 for p, _ in both), "two guests at once", "".join(ends))
t.ok(d.wait_no_guests()["host"]["vram_free"] == base, "their VRAM came back")
victim, ready = start(d, "victim", "2000000", "2", "100000")
other, _ = start(d, "other", "500000", "2", "20")
t.ok(ready, "a guest at work")
os.killpg(victim.pid, signal.SIGKILL)
victim.communicate(timeout=DEADLINE)
text = other.communicate(timeout=DEADLINE)[0]
t.ok(other.returncode == 0, "another guest does not notice that it is killed", text)
s = d.wait_no_guests()
t.ok(s["host"]["vram_free"] == base, "the killed guest's VRAM came back", s["host"])
a = d.audit()
t.ok(a.get("ok") and a.get("violations") == 0, "the audit is clean", a)
t.ok(d.stop() == 0, "the daemon ends with 0")
t.end()
