#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs test programs that speak TAP and sums up.

  tests/run.py [--title T] [--sum FILE] [--timeout S] [--retry] [--may-skip] PROGRAM...

Four outcomes: passed, failed, skipped, and error (a program that crashes, runs
out of time, or reports fewer results than it planned), which counts as failed.
With --retry a program that failed runs once more by itself; what failed first is
printed all the same, and the program named at the end: tests with real threads
meet real schedulers.  The last line is "N passed, N failed, N skipped".  With --sum, results are added
to FILE so that several runs can end in one line (--total FILE prints it).
"""
import argparse
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time

LINE = re.compile(r"^\s*(not )?ok\b\s*\d*\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"^\s*1\.\.(\d+)")


def end_group(r):
    """What it said, whoever of it still holds the pipe."""
    try:
        os.killpg(r.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        return r.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired as e:
        return e.stdout or b""


def run_one(path, timeout):
    """(passed, failed, skipped, [lines about what went wrong])"""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    cmd = [sys.executable, path] if path.endswith(".py") else [path]
    # A group of its own: what a program leaves behind holds the pipe open, and ends with it.
    r = subprocess.Popen(cmd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         start_new_session=True)
    try:
        out, _ = r.communicate(timeout=timeout)
        rc = r.returncode
    except subprocess.TimeoutExpired:
        rc = f"timeout after {timeout} s" if r.poll() is None else f"{r.returncode}, but left programs behind"
        out = end_group(r)
    except BaseException:
        end_group(r)
        raise
    text = out.decode(errors="replace")
    passed = failed = skipped = planned = 0
    bad = []
    for line in text.splitlines():
        m = PLAN.match(line)
        if m:
            planned += int(m.group(1))
            continue
        m = LINE.match(line)
        if not m:
            continue
        if "# SKIP" in line.upper():
            skipped += 1
            bad.append("skip: " + m.group(2))
        elif m.group(1):
            failed += 1
            bad.append("FAIL: " + m.group(2))
        else:
            passed += 1
    done = passed + failed + skipped
    if done == 0 or done < planned or (rc and not failed):
        failed += 1
        bad.append(f"ERROR: {done} of {planned} results, exit {rc}")
    if failed:
        bad += ["  | " + x for x in text.splitlines()[-40:]]
    return passed, failed, skipped, bad


def add(path, sums):
    # Parts of make test may run beside each other.
    with open(path, "a+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        old = json.loads(f.read() or "[0, 0, 0]")
        f.truncate(0)
        json.dump([a + b for a, b in zip(old, sums)], f)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--title", default="")
    ap.add_argument("--sum")
    ap.add_argument("--total")
    ap.add_argument("--retry", action="store_true")
    ap.add_argument("--may-skip", action="store_true", help="all skipped is no failure")
    ap.add_argument("--timeout", type=int, default=600)
    ap.add_argument("program", nargs="*")
    a = ap.parse_args()
    if a.total:
        with open(a.total) as f:
            p, bad, s = json.load(f)
        print(f"{p} passed, {bad} failed, {s} skipped")
        return 1 if bad or not p else 0
    sums, again = [0, 0, 0], []
    for path in a.program:
        t = time.monotonic()
        p, f, s, bad = run_one(path, a.timeout)
        if f and a.retry:
            print(f"  AGAIN  {path}: {f} failed", *bad, sep="\n         ", flush=True)
            again.append(path)
            p, f, s, bad = run_one(path, a.timeout)
        sums = [sums[0] + p, sums[1] + f, sums[2] + s]
        verdict = "FAILED" if f else "ok"
        print(f"  {verdict:6} {path}: {p} passed, {f} failed, {s} skipped"
              f" ({time.monotonic() - t:.1f} s)", flush=True)
        for line in bad:
            print("         " + line, flush=True)
    if again:
        print("  needed a second try: " + ", ".join(again), flush=True)
    if a.sum:
        add(a.sum, sums)
    label = a.title + ": " if a.title else ""
    print(f"{label}{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped", flush=True)
    return 1 if sums[1] or not (sums[0] or a.may_skip and sums[2]) else 0


if __name__ == "__main__":
    sys.exit(main())
