#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs as people use them: the happy path of each mode, and bad input, which must give one clear line that
names what was wrong, exit code 2, and leave nothing behind."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from tap import BUILD, DEADLINE, Daemon, Tap, make_file, prog, run  # noqa: E402

t = Tap()
GPUVM, COPY = prog("gpuvm"), prog("gpuvm-copy")


def wait_guest(d, name):
    """The guest's row of the scheduler, as soon as it is there; None if it never comes."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for g in d.status()["guests"]:
            if g["name"] == name:
                return g["sched"]
        time.sleep(0.01)
    return None


def one_line(what, code, err, *words):
    lines = [x for x in err.splitlines() if x]
    good = code == 2 and len(lines) == 1 and all(w in lines[0] for w in words)
    t.ok(good, f"{what}: one line, exit code 2", f"exit {code}\n{err}")


with tempfile.TemporaryDirectory(prefix="gpuvm-cli-") as scratch:
    data = make_file(scratch, "data", 3 << 20)
    nothing = os.path.join(scratch, "no.sock")

    # The happy path.
    for mode in ("native", "passthrough", "full", "naive-pv", "naive-pv,multicall", "naive-pv,multicall=7"):
        code, out, err = run(GPUVM, "run", "--private", "--mode", mode, "--", COPY, "--json", data)
        try:
            r = json.loads(out)
        except ValueError:
            r = {}
        t.ok(code == 0 and r.get("verified") is True and r.get("bytes") == 3 * (3 << 20), f"copy in mode {mode}",
             f"exit {code}\n{out}\n{err}")
    code, out, err = run(GPUVM, "run", "--private", "--", "sh", "-c", "exit 7")
    t.ok(code == 7, "the program's exit code is gpuvm run's", err)
    code, out, err = run(GPUVM, "run", "--private", "--", "sh", "-c", "kill -9 $$")
    t.ok(code == 137, "a killed program gives 128 + signal", err)
    for p in (GPUVM, prog("gpuvmd"), COPY, prog("gpuvm-bench")):
        code, out, err = run(p, "--help")
        t.ok(code == 0 and "usage" in out and not err, f"{os.path.basename(p)} --help", err)

    for c in ("run", "attach", "list", "show", "dump", "audit", "detach", "policy", "set", "stop", "disasm", "asm"):
        code, out, err = run(GPUVM, c, "--help")
        t.ok(code == 0 and "usage" in out and not err, f"gpuvm {c} --help", err)

    # Bad input to gpuvm run.
    code, _, err = run(GPUVM, "run", "--private", "--gpu", "nosuch", "--", "true")
    one_line("unknown --gpu", code, err, "nosuch")
    code, _, err = run(GPUVM, "run", "--private", "--gpu", "sim:vram=banana", "--", "true")
    one_line("--gpu with a bad size", code, err, "banana")
    code, _, err = run(GPUVM, "run", "--private", "--gpu", "sim:colour=red", "--", "true")
    one_line("--gpu with an unknown option", code, err, "colour")
    code, _, err = run(GPUVM, "run", "--mode", "fast", "--", "true")
    one_line("unknown --mode", code, err, "fast")
    for mode in ("naive-pv,multicall=0", "naive-pv,multicall=x", "naive-pv,speed", "full,multicall", "naive-pv,"):
        code, _, err = run(GPUVM, "run", "--mode", mode, "--", "true")
        one_line(f"--mode {mode}", code, err, mode.split(",")[1])
    code, _, err = run(GPUVM, "run", "--private", "--vram", "64G", "--", "true")
    one_line("too much VRAM", code, err, "VRAM")
    code, _, err = run(GPUVM, "run", "--vram", "-5", "--", "true")
    one_line("negative VRAM", code, err, "-5")
    code, _, err = run(GPUVM, "run", "--private", "--", os.path.join(scratch, "absent"))
    one_line("a program that does not exist", code, err, "absent")
    code, _, err = run(GPUVM, "frobnicate")
    one_line("unknown command", code, err, "frobnicate")
    code, _, err = run(GPUVM, "list", "--socket", nothing)
    one_line("no daemon at the socket", code, err, nothing)
    code, _, err = run(GPUVM, "run", "--private", "--policy", "karma", "--", "true")
    one_line("unknown --policy", code, err, "karma")

    for opt, val in (("--weight", "0"), ("--weight", "65536"), ("--weight", "x"), ("--cap", "101"), ("--cap", "-1"),
                     ("--cap", ""), ("--latency", "fast"), ("--latency", "11s"), ("--latency", "0"),
                     ("--timeout", "0"), ("--timeout", "2h"), ("--timeout", "5")):
        code, _, err = run(GPUVM, "run", "--private", opt, val, "--", "true")
        one_line(f"{opt} '{val}'", code, err, opt)

    # Bad input to gpuvm-copy.
    for mode in ("native", "full"):
        code, _, err = run(GPUVM, "run", "--private", "--mode", mode, "--", COPY, os.path.join(scratch, "gone"))
        one_line(f"a file that does not exist ({mode})", code, err, "gone")
    code, _, err = run(GPUVM, "run", "--private", "--mode", "native", "--", COPY, scratch)
    one_line("a folder instead of a file", code, err, scratch)
    code, _, err = run(COPY, data)
    one_line("gpuvm-copy outside a guest", code, err)

    # The daemon's own.
    d = Daemon()
    code, _, err = run(prog("gpuvmd"), "--socket", d.path)
    one_line("a socket in use", code, err, d.path)
    t.ok(os.path.exists(d.path), "the running daemon keeps its socket")
    code, _, err = run(GPUVM, "run", "--socket", d.path, "--mode", "full", "--name", "bad name!", "--", "true")
    one_line("a guest name with blanks", code, err, "name")
    a, fds = d.call(op="attach", name="one", mode="full", vram=64 << 20)
    t.ok(a["ok"] and len(fds) == 5, "attach gives five descriptors", a)
    b, none = d.call(op="attach", name="one", mode="full", vram=64 << 20)
    t.ok(not b["ok"] and "one" in b["error"] and not none, "a name in use is refused", b)
    b, none = d.call(op="attach", name="two", mode="passthrough")
    t.ok(not b["ok"] and not none, "passthrough is refused while a guest is there", b)
    code, out, err = run(GPUVM, "list", "--socket", d.path, "--json")
    t.ok(code == 0 and [g["name"] for g in json.loads(out)["guests"]] == ["one"], "list --json names the guest", out)
    code, out, err = run(GPUVM, "list", "--socket", d.path)
    t.ok(code == 0 and "one" in out and "full" in out, "list as a table", out)
    code, out, err = run(GPUVM, "audit", "--socket", d.path)
    t.ok(code == 0 and "clean" in out, "audit is clean", out + err)
    code, out, err = run(GPUVM, "dump", "one", "--socket", d.path)
    t.ok(code == 0 and "one" in out, "dump names the guest", out + err)
    code, _, err = run(GPUVM, "show", "nobody", "--socket", d.path)
    t.ok(code != 0 and "nobody" in err, "show of an unknown guest says so", err)
    for fd in fds:
        os.close(fd)
    d.wait_no_guests()

    # Scheduling: what can be set at the start, while it runs, and what cannot.
    # The guest works until it is told to stop, however long what follows takes.
    stop = os.path.join(scratch, "stop")
    until = 'while [ ! -e "$1" ]; do "$0" --json --repeat 5 "$2" >"$1.out" || exit; done; cat "$1.out"'
    work = subprocess.Popen([GPUVM, "run", "--socket", d.path, "--name", "busy", "--weight", "512", "--cap", "90",
                             "--latency", "2ms", "--timeout", "3s", "--", "sh", "-c", until, COPY, stop, data],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    busy = wait_guest(d, "busy")
    t.ok(busy and (busy["weight"], busy["cap_pct"], busy["latency_us"]) == (512, 90, 2000),
         "gpuvm run --weight --cap --latency --timeout", busy)
    code, out, err = run(GPUVM, "policy", "--socket", d.path)
    t.ok(code == 0 and out == "fifo\n", "policy names the one in use", out + err)
    before = wait_guest(d, "busy")
    for spec in ("karma", "band:period=0", "band:speed=1", "band:period", "wfq:slice=1ms,grace=x", "./absent.so", ""):
        code, _, err = run(GPUVM, "policy", spec, "--socket", d.path)
        one_line(f"policy '{spec}'", code, err, spec.split(":")[0])
    for so in sorted(glob.glob(os.path.join(BUILD, "tests", "policy", "*.so"))):
        name = os.path.basename(so)
        code, out, err = run(GPUVM, "policy", so, "--socket", d.path)
        if name == "least.so":
            t.ok(code == 0 and out.startswith("least"), "a policy from a shared object", out + err)
        else:
            one_line(f"policy {name}", code, err, name)
    for key in ("weight=0", "weight=65536", "weight=x", "weight=", "cap=101", "cap=-1", "latency=soon", "budget=0",
                "budget=101", "timeout=0", "timeout=2h", "options=fast", "speed=9", "weight"):
        code, _, err = run(GPUVM, "set", "busy", key, "--socket", d.path)
        one_line(f"set busy {key}", code, err, key.split("=")[0])
    code, _, err = run(GPUVM, "set", "busy", "weight=7", "cap=101", "--socket", d.path)
    one_line("set with one of two wrong", code, err, "cap")
    after = wait_guest(d, "busy")
    t.ok(before and after and all(before[k] == after[k] for k in ("weight", "cap_pct", "latency_us", "budget_pct")),
         "none of it changed the guest", f"{before}\n{after}")
    code, _, err = run(GPUVM, "set", "nobody", "weight=7", "--socket", d.path)
    one_line("set of an unknown guest", code, err, "nobody")
    code, _, err = run(GPUVM, "set", "busy", "--socket", d.path)
    one_line("set of nothing", code, err, "weight=")
    for spec in ("band:period=10ms", "wfq", "null", "equal:slice=1ms", "fifo"):
        code, out, err = run(GPUVM, "policy", spec, "--socket", d.path)
        t.ok(code == 0 and out.split(":")[0].strip() == spec.split(":")[0], f"policy {spec} under load", out + err)
    code, _, err = run(GPUVM, "set", "busy", "weight=7", "cap=0", "latency=0", "timeout=10s", "--socket", d.path)
    busy = wait_guest(d, "busy")
    t.ok(code == 0 and busy and (busy["weight"], busy["cap_pct"], busy["latency_us"]) == (7, 0, 0),
         "set weight, cap, latency, timeout", f"{err} {busy}")
    with open(stop, "w"):
        pass
    out, err = work.communicate(timeout=DEADLINE)
    t.ok(work.returncode == 0 and json.loads(out)["verified"], "the work under all that was not disturbed", err)
    d.wait_no_guests()

    # The simulator.
    bad = os.path.join(scratch, "bad.txt")
    with open(bad, "w") as f:
        f.write("time 1s\nguest a loop size=1ms\nguest b loop size=fast\n")
    for what, words, args in (("a bad workload", ("bad.txt:3:", "size=fast"), ("--workload", bad)),
                              ("an unknown workload", ("nosuch",), ("--workload", "nosuch")),
                              ("an unknown policy", ("karma",), ("--policy", "karma")),
                              ("a plot of no known kind", ("plot.bmp",), ("--time", "2s", "--plot", "plot.bmp")),
                              ("--recorded without a trace", ("--trace",), ("--recorded",)),
                              ("a recording that is none", ("bad.txt:1:",), ("--trace", bad)),
                              ("a bad time", ("--time",), ("--time", "soon"))):
        code, _, err = run(prog("gpuvm-sched"), *args)
        one_line(f"gpuvm-sched: {what}", code, err, *words)
    chart, lines = os.path.join(scratch, "lines.png"), os.path.join(scratch, "lines.json")
    code, out, err = run(prog("gpuvm-sched"), "--policy", "band", "--workload", "gdev", "--time", "40s", "--timeline",
                         lines)
    with open(lines) as f:
        events = json.load(f)["traceEvents"]
    ran = [e for e in events if e["ph"] == "X" and e["pid"] == 1]
    good = all(e["dur"] > 0 and e["ts"] >= 0 and e["name"] in ("lud", "hw") for e in ran)
    apart = all(a["ts"] + a["dur"] <= b["ts"] + 0.002 for a, b in zip(ran, ran[1:]))
    t.ok(code == 0 and len(ran) > 1000 and good and apart, "a timeline: what ran on the engine, one after the other",
         err)
    t.ok({"engines", "guests, held"} == {e["args"]["name"] for e in events if e.get("name") == "process_name"},
         "a timeline names its rows")
    if shutil.which("gnuplot"):
        for kind, head in (("png", b"\x89PNG\r\n"), ("svg", b"<?xml")):
            chart = os.path.join(scratch, "plot." + kind)
            code, out, err = run(prog("gpuvm-sched"), "--workload", "gdev", "--time", "40s", "--plot", chart)
            with open(chart, "rb") as f:
                t.ok(code == 0 and f.read(len(head)) == head, f"a plot as {kind}", err)
    else:
        t.skip("plots", "gnuplot is not installed")

    # Too many guests: one more than there are slots, or channels, or VRAM.
    base, held, refused = d.status(), [], None
    for i in range(300):
        a, fds = d.call(op="attach", name=f"g{i}", mode="full", vram=2 << 20)
        if not a["ok"]:
            refused = a["error"]
            break
        held.append(fds)
    t.ok(refused and len(held) >= 64, "too many guests: refused with a reason, after 64 or more", refused)
    for fds in held:
        for fd in fds:
            os.close(fd)
    s = d.wait_no_guests()
    t.ok(s["host"]["vram_free"] == base["host"]["vram_free"], "their VRAM came back", s["host"])

    # Hostile control clients.
    import socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as c:
        c.connect(d.path)
        c.send(b"{" * 1000)
        t.ok(b'"ok": false' in c.recv(65536).replace(b'":', b'": ').replace(b":  ", b": "), "garbage is answered")
    for req in ({}, {"op": 5}, {"op": "attach"}, {"op": "attach", "name": "x" * 40, "mode": "full", "vram": 1 << 30},
                {"op": "attach", "name": "x", "mode": "full", "vram": -1},
                {"op": "attach", "name": "x", "mode": "full", "vram": 1 << 62},
                {"op": "attach", "name": "x", "mode": "full", "vram": 4096, "ram": 12345},
                {"op": "attach", "name": "x", "mode": "full", "vram": 4096, "weight": 70000}):
        a, none = d.call(**req)
        t.ok(not a["ok"] and a["error"] and not none, f"refused: {json.dumps(req)[:60]}", a)
    path = d.path
    t.ok(d.stop() == 0, "stop ends the daemon with 0")
    t.ok(not os.path.exists(path), "no socket is left behind")
t.end()
