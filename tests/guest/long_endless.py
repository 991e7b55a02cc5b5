#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A kernel that never ends, of a real OpenCL program, under every policy: it is stopped within its limit and 10 ms, the
log and the counters name its guest, and the neighbour's kernels all end with right results.  Then random ones:
GPUVM_ENDLESS of them (10), of random limits under random policies beside two that work all the while.  (`make test-endless`
has a thousand; so has tests/unit/core/test_endless.c, by the card's clock.)"""
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from tap import DEADLINE, Daemon, Tap, prog  # noqa: E402
from work import GPUVM, WORK, results, why_not  # noqa: E402

LIMIT = 200
TIMES = int(os.environ.get("GPUVM_ENDLESS", "10"))
t = Tap()


def guest(d, name, *args, limit="10s"):
    return subprocess.Popen([GPUVM, "run", "--socket", d.path, "--vram", "128M", "--timeout", limit, "--name", name,
                             "--", WORK, "--json", *args, "pulse"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def policies():
    out = subprocess.run([prog("gpuvm-sched"), "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r"^  (\w+) ", out.split("workloads")[0], re.M)


if why_not():
    t.skip("endless kernels", why_not())
    t.end()
d = Daemon("--log", "warning")
base = d.status()["host"]
late = []
for p in policies():
    a, _ = d.call(op="policy", policy=p)
    neighbour = guest(d, f"good-{p}", "--steps", "5000", "--depth", "4", "--seconds", "4")
    victim = guest(d, f"bad-{p}", "--steps", "1000000000", limit=f"{LIMIT}ms")
    out, err = neighbour.communicate(timeout=DEADLINE)
    _, told = victim.communicate(timeout=DEADLINE)
    t.ok(a["ok"] and neighbour.returncode == 0 and results(out)["pulse"]["launches"] > 0,
         f"{p}: the neighbour's kernels all ended right", err)
    t.ok(victim.returncode not in (0, None), f"{p}: the program of the endless one is told", told)
    said = re.findall(rf"guest bad-{p}: channel \d+ stopped: a submission to \w+ ran (\d+) ms, the limit is {LIMIT}",
                      d.text())
    t.ok(said and f"good-{p}: channel" not in d.text(), f"{p}: the log names the guilty guest only", d.text())
    late += [int(x) - LIMIT for x in said]


class Neighbour:
    """One that works for some seconds, checks what it made, and begins anew."""
    def __init__(self, d):
        self.d, self.rounds, self.bad = d, 0, []
        self.begin()

    def begin(self):
        self.proc = guest(self.d, f"good{self.rounds}", "--steps", "3000", "--depth", "4", "--seconds", "4")

    def end(self):
        out, err = self.proc.communicate(timeout=DEADLINE)
        if self.proc.returncode or not results(out)["pulse"]["launches"]:
            self.bad.append(err)
        self.rounds += 1

    def look(self):
        if self.proc.poll() is not None:
            self.end()
            self.begin()


def random_victims(d, names):
    """(how many were stopped and told, how late each was, the neighbour)"""
    rng = random.Random(5)
    stopped, late, beside = 0, [], Neighbour(d)
    for n in range(TIMES):
        d.call(op="policy", policy=rng.choice(names))
        limit = rng.randrange(20, 200)
        victim = guest(d, f"r{n}", "--steps", "1000000000", limit=f"{limit}ms")
        victim.communicate(timeout=DEADLINE)
        said = re.findall(rf"guest r{n}: channel \d+ stopped: a submission to \w+ ran (\d+) ms, the limit is {limit}",
                          d.text())
        stopped += victim.returncode not in (0, None) and len(said) > 0
        late += [int(x) - limit for x in said]
        beside.look()
    beside.end()
    return stopped, late, beside


stopped, more, beside = random_victims(d, policies())
t.ok(stopped == TIMES, f"{TIMES} random endless kernels are stopped, their programs told", f"{stopped}")
t.ok(not beside.bad and not re.search(r"guest good\d+: channel", d.text()),
     f"the neighbour's kernels all ended right, {beside.rounds} times over", f"{beside.bad}\n{d.text()}")
late += more
# A busy host delays the mediator itself: how late is said, not judged, here; the unit test judges by the card's clock.
print(f"  # stopped {min(late, default='-')} to {max(late, default='-')} ms of the GPU's time after the limit, "
      f"{len(late)} times, {sum(x > 10 for x in late)} of them more than 10")
s = d.wait_no_guests()
audit = d.audit()
t.ok(not audit["violations"], "the isolation audit is clean", audit["text"])
t.ok(all(s["host"][k] == base[k] for k in ("vram_free", "chans_free", "heap_used")), "nothing is left behind",
     f"{base}\n{s['host']}")
t.ok(d.stop() == 0, "the daemon ends with 0")
t.end()
