#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""House rules that a compiler does not know.  Prints one line per breach; exit code 1 if there is one.

  includes   #include "..." follows tests/lint/includes.txt and names its room from the root
  headers    each header compiles alone
  sizes      .c at most 600 lines (tables excepted), .h at most 300, functions at most 60 code lines
  spdx       first line of each source names the licence
  words      no promises left in code, no umbrella file names
  sm20       the tables in docs/sm20-asm.md are those of the code
"""
import os
import re
import subprocess
import sys

import sm20_doc

ROOMS = ("gpuvm", "shadow", "scheduler", "pv-driver", "bench", "tests")
# Tables may be long: the rule is for logic.
LONG_OK = {"gpuvm/mmio_table.c"}
BANNED_NAMES = ("misc", "util", "utils", "common2", "helpers")
# Written so that this file does not match itself.
BANNED_WORDS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
out = []


def sources():
    for room in ROOMS:
        for folder, _, names in os.walk(room):
            for n in sorted(names):
                if n.endswith((".c", ".h", ".def")):
                    yield os.path.join(folder, n)


def read_rules():
    rules = []
    with open("tests/lint/includes.txt") as f:
        for line in f:
            line = line.split("#")[0].strip()
            if line:
                who, _, what = line.partition(":")
                rules.append((who.strip(), what.split()))
    return sorted(rules, key=lambda r: -len(r[0]))


def own_room(path, who):
    """Files of the same rule prefix are one room."""
    return path.startswith(who)


def check_includes(path, text, rules):
    who, allowed = next(((w, a) for w, a in rules if path.startswith(w)), (None, None))
    if who is None:
        out.append(f"{path}: no line in tests/lint/includes.txt covers it")
        return
    for no, line in enumerate(text, 1):
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not m:
            continue
        inc = m.group(1)
        if not os.path.exists(inc):
            out.append(f"{path}:{no}: include \"{inc}\" does not name its room from the root")
        elif not any(inc.startswith(a) for a in allowed) and not own_room(inc, who):
            out.append(f"{path}:{no}: {who} may not include {inc}")


def check_functions(path, text):
    start = None
    for no, line in enumerate(text, 1):
        if line.startswith("{"):
            start = no
        elif line.startswith("}") and start:
            if no - start - 1 > 60:
                out.append(f"{path}:{start}: function of {no - start - 1} lines (60 at most)")
            start = None


def check_text(path, text):
    limit = 600 if path.endswith(".c") else 300
    table = path.endswith(".def") or path in LONG_OK
    if len(text) > limit and not table:
        out.append(f"{path}: {len(text)} lines ({limit} at most)")
    if not text or "SPDX-License-Identifier: MIT" not in text[0]:
        out.append(f"{path}:1: no SPDX line")
    if os.path.splitext(os.path.basename(path))[0] in BANNED_NAMES:
        out.append(f"{path}: name the noun this file is about")
    for no, line in enumerate(text, 1):
        if BANNED_WORDS.search(line):
            out.append(f"{path}:{no}: a promise in the code: {line.strip()[:60]}")
        if len(line.expandtabs(8).rstrip("\n")) > 120 and not table:
            out.append(f"{path}:{no}: line longer than 120 columns")


def check_headers(headers, cc):
    for h in headers:
        r = subprocess.run(cc + ["-fsyntax-only", "-x", "c", h], capture_output=True, text=True)
        if r.returncode:
            first = (r.stderr.splitlines() or ["?"])[0]
            out.append(f"{h}: does not compile alone: {first}")


def main():
    rules, headers = read_rules(), []
    for path in sources():
        with open(path) as f:
            text = f.readlines()
        check_includes(path, text, rules)
        check_text(path, text)
        if path.endswith(".c"):
            check_functions(path, text)
        if path.endswith(".h"):
            headers.append(path)
    cc = os.environ.get("CC", "cc").split() + ["-std=gnu11", "-D_GNU_SOURCE", "-DGPUVM_TYPESAFE", "-I."]
    check_headers(headers, cc)
    out.extend(x for x in (sm20_doc.check(),) if x)
    for line in out:
        print(line)
    print(f"lint: {len(out)} breaches" if out else "lint: clean")
    return 1 if out else 0


if __name__ == "__main__":
    sys.exit(main())
