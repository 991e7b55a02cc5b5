# SPDX-License-Identifier: MIT
"""The conformance cases (tests/cl): runs a file's cases somewhere, and compares what they left.

A case that its table of known faults names runs in a process of its own, for a dead channel takes the next case with it.
A process whose channel died or whose compiler gave up is ended at once: it would only wait."""
import array
import math
import os
import re
import selectors
import signal
import subprocess
import time

from tap import BUILD, prog

CL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cl")
CONFORM = prog("gpuvm-conform")
# Bounds a hang only.
DEADLINE = 90
# From here on a float is infinite.
FLOAT_END = (2 - 2.0 ** -24) * 2.0 ** 127
HOPELESS = re.compile(r"translation failed| died: ")


class Case:
    def __init__(self, name, keys):
        self.name = name
        self.keys = dict(k.split("=", 1) for k in keys.split())
        self.how = self.keys.get("cmp", "bits")
        self.ref = self.keys.get("ref")
        self.items = math.prod(int(n) for n in self.keys.get("global", "1024").split("x"))


class Outcome:
    """What became of each case in one place: "done", "none" (the device lacks something) or what went wrong."""

    def __init__(self, folder):
        self.folder, self.said = folder, {}

    def of(self, name):
        return self.said.get(name, "not run")

    def data(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()


def cl_files():
    return sorted(os.path.join(CL, n) for n in os.listdir(CL) if n.endswith(".cl"))


def cases(path):
    with open(path) as f:
        return [Case(m.group(1), m.group(2)) for m in re.finditer(r"^//@ (\S+)(.*)$", f.read(), re.M)]


def pocl_env():
    cache = os.path.join(BUILD, "pocl-cache")
    os.makedirs(cache, exist_ok=True)
    return dict(os.environ, OCL_ICD_VENDORS="pocl.icd", POCL_CACHE_DIR=cache)


def inputs(folder):
    """Writes what each kind of input holds: KIND.a and KIND.b."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run([CONFORM, "--inputs", folder], check=True)


def driver_version(head, env=None, runner=CONFORM):
    """Of the OpenCL driver there, as "22.3"; empty if there is none."""
    r = subprocess.run([*head, runner, "--driver"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, text=True, env=env, timeout=DEADLINE)
    return ".".join(r.stdout.split(".")[:2])


def watch(cmd, env, out_path):
    """Runs it; (what it said on stdout, on stderr)"""
    err, end = b"", time.monotonic() + DEADLINE
    with open(out_path, "wb") as out:
        p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, env=env,
                             start_new_session=True)
        sel = selectors.DefaultSelector()
        sel.register(p.stderr, selectors.EVENT_READ)
        while time.monotonic() < end and not HOPELESS.search(err.decode(errors="replace")):
            if sel.select(1):
                piece = os.read(p.stderr.fileno(), 65536)
                if not piece:
                    break
                err += piece
        else:
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        p.stderr.close()
    if p.returncode:
        err += f"\nexit {p.returncode}\n".encode()
    with open(out_path, "rb") as f:
        return f.read().decode(errors="replace"), err.decode(errors="replace")


def parse(out, err, res):
    """Notes what became of each case, and returns the last one that counts: one whose channel died or that the compiler
    gave up was not done, whatever it says, and what followed has to run again."""
    last, said_by, name = None, {}, None
    for line in err.splitlines():
        if line.startswith("# "):
            name = line[2:]
        else:
            said_by.setdefault(name, []).append(line)
    for line in out.splitlines():
        verdict, name, *why = line.split(" ", 2)
        if last and name != last and HOPELESS.search(" ".join(said_by.get(last, []))):
            break
        last = name
        complaint = " | ".join(said_by.get(name, []))
        if verdict == "run" or HOPELESS.search(complaint):
            res.said[name] = f"gave up, crashed or hung: {complaint}"
        elif verdict == "fail":
            res.said[name] = f"fail: {why[0]} {complaint}"
        else:
            res.said[name] = verdict
    return last


def run_cases(head, env, path, folder, known, shown=None):
    """An Outcome.  After a crash, the cases that are left run in another process.  shown: the names that the program sees
    for the runner, path and folder, if it is in a chroot."""
    runner, seen_path, seen_folder = shown or (CONFORM, path, folder)
    res = Outcome(folder)
    os.makedirs(folder, exist_ok=True)
    left = [c.name for c in cases(path) if c.name not in known]
    alone = [c.name for c in cases(path) if c.name in known]
    while left or alone:
        batch = left or alone[:1]
        out, err = watch([*head, runner, "--dump", seen_folder, seen_path, *batch], env, os.path.join(folder, ".out"))
        last = parse(out, err, res)
        if last is None:
            res.said.update({n: f"the runner did not start: {err[-300:]}" for n in batch})
            return res
        if left:
            left = left[left.index(last) + 1:]
        else:
            alone.pop(0)
    return res


# ---- comparing ----

def unit_of(x, bits):
    """The unit in the last place of x in a float of that many bits."""
    mant, least = (24, -149) if bits == 32 else (53, -1074)
    return max(2.0 ** least, 2.0 ** (math.frexp(x)[1] - mant))


def same_float(x, y, ulps, slack, bits=32):
    """Whether x is within ulps of y."""
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if x == y:
        return True
    if math.isinf(x) or math.isinf(y):
        return False
    # Denormal floats may be flushed in either place: OpenCL leaves that free.
    return abs(x - y) <= ulps * unit_of(y, bits) + slack or (bits == 32 and max(abs(x), abs(y)) < 2.0 ** -126)


def kind_of(how):
    """(array type, ulps, slack)"""
    kind, _, bound = how.partition(":")
    ulps, _, slack = bound.partition("+")
    return {"bits": "I", "f32": "f", "f64": "d"}[kind], int(ulps or 0), float(slack or 0)


def difference(how, a, b):
    """None if the two outputs agree, else the first place where they do not."""
    if a == b:
        return None
    letter, ulps, slack = kind_of(how)
    u, v = (array.array(letter, d) for d in (a, b))
    if letter == "I":
        bad = [i for i, (x, y) in enumerate(zip(u, v)) if x != y]
        return f"{len(bad)} words, the first at {bad[0]}: {u[bad[0]]:#x}, must be {v[bad[0]]:#x}"
    bits = 8 * u.itemsize
    bad = [i for i, (x, y) in enumerate(zip(u, v)) if not same_float(x, y, ulps, slack, bits)]
    return f"{len(bad)} floats, the first at {bad[0]}: {u[bad[0]]!r}, must be {v[bad[0]]!r}" if bad else None


def safe(call):
    """A function for ref=: what C's gives where Python's raises."""
    def f(*args):
        try:
            return call(*args)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan
    return f


NAMES = {n: safe(getattr(math, n)) for n in dir(math) if callable(getattr(math, n)) and not n.startswith("_")}
NAMES.update(pi=math.pi, abs=abs, int=int, pow=safe(math.pow))


def barrier_after_divergence(a, _b):
    """What tests/cl/flow.cl's kernel of this name leaves."""
    want = []
    for group in range(16):
        v = a[64 * group:64 * group + 64]
        for i, x in enumerate(v):
            k = 0
            while x & 1 and k < v[i] & 15:
                v[i] = (v[i] * 3 + k) & 0xffffffff
                k += 1
            if not x & 1:
                v[i] ^= 0xffffffff
        t = v[:]
        for i in range(64):
            if t[63 - i] & 2:
                v[i] = (v[i] + t[i ^ 1]) & 0xffffffff
        want += [v[i * 7 & 63] for i in range(64)]
    return want


WHOLE = {"barrier_after_divergence": barrier_after_divergence}


def against_exact(case, data, folder):
    """As difference(), but the reference is computed here, in doubles, from the inputs in folder."""
    letter, ulps, slack = kind_of(case.how)
    got = array.array(letter, data)
    args = []
    for key in "ab":
        with open(os.path.join(folder, f"{case.keys.get(key, 'u32')}.{key}"), "rb") as f:
            args.append(array.array(letter, f.read()))
    if case.ref in WHOLE:
        want = array.array(letter, WHOLE[case.ref](*args))
        return difference(case.how, data, want.tobytes().ljust(len(data), b"\0"))
    code = compile(case.ref, case.name, "eval")
    bad = []
    for i in range(case.items):
        want = eval(code, {"__builtins__": {}}, dict(NAMES, x=args[0][i], y=args[1][i]))
        if letter == "f" and abs(want) >= FLOAT_END:
            want = math.copysign(math.inf, want)
        if not same_float(got[i], want, ulps, slack, 8 * got.itemsize):
            bad.append((i, want))
    if not bad:
        return None
    i, want = bad[0]
    worst = max((abs(got[k] - w) / unit_of(w, 8 * got.itemsize) for k, w in bad if math.isfinite(w)), default=math.nan)
    return (f"{len(bad)} of {case.items}, the first at {i}: {got[i]!r} for {args[0][i]!r}, {args[1][i]!r}, must be {want!r};"
            f" {worst:.0f} ulps at worst")


def wrong(case, res, ref, input_folder):
    """None if a case's result is right, else why not."""
    if res.of(case.name) != "done":
        return res.of(case.name)
    if case.ref:
        return against_exact(case, res.data(case.name), input_folder)
    if ref.of(case.name) != "done":
        return f"PoCL: {ref.of(case.name)}"
    return difference(case.how, res.data(case.name), ref.data(case.name))


def judge(t, what, case, res, ref, known, input_folder):
    """One result in t; known: {name: (what the complaint holds, the reason)}."""
    if res.of(case.name) == "none" or (not case.ref and ref.of(case.name) == "none"):
        t.skip(what, "the device does not offer what it needs")
        return
    why = wrong(case, res, ref, input_folder)
    if case.name not in known:
        t.ok(not why, what, why)
        return
    sign, reason = known[case.name]
    if why and sign in why:
        t.ok(True, f"{what}: wrong as known: {reason}")
    else:
        t.ok(False, f"{what}: not as known", why or "it passes now: take it out of the table")


def judge_same(t, what, case, one, other):
    """The same bytes in two modes; where neither has a result, the same complaint."""
    a, b = one.of(case.name), other.of(case.name)
    if "done" in (a, b):
        t.ok(a == b and one.data(case.name) == other.data(case.name), what,
             difference("bits", other.data(case.name), one.data(case.name)) if a == b else f"{a}\n{b}")
    elif a == b == "none":
        t.skip(what, "the device does not offer what it needs")
    else:
        t.ok(a.split(":")[0] == b.split(":")[0], what, f"{a}\n{b}")
