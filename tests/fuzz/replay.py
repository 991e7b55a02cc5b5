#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Replays each fuzzer's kept corpus without mutation, as tests: tests/fuzz/replay.py [--title T] [--sum F] FUZZER..."""
import argparse
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from run import add  # noqa: E402


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--title", default="fuzz")
    ap.add_argument("--sum")
    ap.add_argument("fuzzer", nargs="*")
    a = ap.parse_args()
    sums = [0, 0, 0]
    for fuzzer in a.fuzzer:
        corpus = sorted(glob.glob(os.path.join(os.path.dirname(__file__), "corpus", os.path.basename(fuzzer), "*")))
        if not corpus:
            print(f"  FAILED {fuzzer}: no corpus")
            sums[1] += 1
            continue
        r = subprocess.run([fuzzer, "-runs=0", *corpus], capture_output=True, text=True)
        good = r.returncode == 0
        sums[0 if good else 1] += len(corpus) if good else 1
        print(f"  {'ok' if good else 'FAILED':6} {fuzzer}: {len(corpus)} inputs")
        if not good:
            print(r.stderr[-2000:])
    if a.sum:
        add(a.sum, sums)
    print(f"{a.title}: {sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")
    return 1 if sums[1] or not sums[0] else 0


if __name__ == "__main__":
    sys.exit(main())
