#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The two tables at the end of docs/sm20-asm.md, from gpuvm/fermi/sm20_ops.def and sm20.def.

  sm20_doc.py   writes them;  lint.py calls check(), so that the document cannot fall behind."""
import re

DOC, OPS, ROWS = "docs/sm20-asm.md", "gpuvm/fermi/sm20_ops.def", "gpuvm/fermi/sm20.def"
MARK = "<!-- tables: written by tests/lint/sm20_doc.py -->\n"


def operations():
    text = open(OPS).read()
    return [m.groups() for m in re.finditer(r'^SM20_OP\((\w+), "(\w+)", "(.*)"\)$', text, re.M)]


def rows():
    text = open(ROWS).read()
    for m in re.finditer(r"^SM20_ROW\(([^)]*)\)", text, re.M):
        part = [x.strip() for x in m.group(1).split(",")]
        yield part[0], int(part[1], 16), int(part[2], 16), part[3], part[4:]


def tables():
    names = {name: text for name, text, _ in operations()}
    out = ["## Operations", "", "| | meaning |", "| --- | --- |"]
    out += [f"| `{text}` | {what.replace('|', chr(92) + '|')} |" for _, text, what in operations()]
    out += ["", "## Encodings", "", "| | match | mask | | fields |", "| --- | --- | --- | --- | --- |"]
    for op, match, mask, head, fields in rows():
        head = {"J": "predicate, join", "P": "predicate", "0": ""}[head]
        out.append(f"| `{names[op]}` | `{match:016x}` | `{mask:016x}` | {head} | {' '.join(fields)} |")
    return "\n".join(out) + "\n"


def check():
    """A complaint, or None."""
    _, mark, old = open(DOC).read().partition(MARK)
    if not mark:
        return f"{DOC}: the mark before the tables is gone"
    return None if old == tables() else f"{DOC}: the tables are old; run tests/lint/sm20_doc.py"


if __name__ == "__main__":
    front = open(DOC).read().partition(MARK)[0]
    with open(DOC, "w") as f:
        f.write(front + MARK + tables())
