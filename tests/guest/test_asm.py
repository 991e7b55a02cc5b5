#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gpuvm asm and gpuvm disasm: text to code and back, both forms of code, and bad input."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from tap import Tap, prog, run  # noqa: E402

t = Tap()
GPUVM = prog("gpuvm")
TEXT = """loop:   iadd r1, r1, 0x123456   // does not fit the short form
        isetp.lt.u32 p0, pt, r1, c0[0x18]
        @p0 bra loop
        exit
"""
WORDS = [0x080048D158105C02, 0x188E40006011DC03, 0x4003FFFFA00001E7, 0x8000000000001DE7]


def one_line(what, code, err, *words):
    lines = [x for x in err.splitlines() if x]
    good = code == 2 and len(lines) == 1 and all(w in lines[0] for w in words)
    t.ok(good, f"{what}: one line, exit code 2", f"exit {code}\n{err}")


with tempfile.TemporaryDirectory(prefix="gpuvm-asm-") as scratch:
    def path(name, content=None):
        p = os.path.join(scratch, name)
        if content is not None:
            with open(p, "wb") as f:
                f.write(content)
        return p

    source, binary, listing = path("a.s", TEXT.encode()), path("a.bin"), path("a.hex")
    code, out, err = run(GPUVM, "asm", source, "-o", binary)
    want = b"".join(w.to_bytes(8, "little") for w in WORDS)
    t.ok(code == 0 and open(binary, "rb").read() == want, "asm writes little-endian words", out + err)
    code, out, err = run(GPUVM, "asm", source, "-o", listing, "--hex")
    t.ok(code == 0 and [int(x, 16) for x in open(listing)] == WORDS, "asm --hex writes numbers", out + err)

    code, text, err = run(GPUVM, "disasm", binary)
    t.ok(code == 0 and "@p0 bra 0x0 " in text and "iadd.l r1, r1, 0x123456" in text, "disasm shows it", text + err)
    again = path("b.bin")
    code, out, err = run(GPUVM, "asm", path("b.s", text.encode()), "-o", again)
    t.ok(code == 0 and open(again, "rb").read() == want, "and its text gives the same code", out + err)
    code, out, err = run(GPUVM, "disasm", "--hex", listing)
    t.ok(code == 0 and out == text, "disasm --hex reads what asm --hex wrote", out + err)
    halves = "\n".join(f"{i * 8:08x}: {w & 0xffffffff:08x} {w >> 32:08x}  remark" for i, w in enumerate(WORDS))
    code, out, err = run(GPUVM, "disasm", "--hex", path("c.hex", f"a listing\n{halves}\n".encode()))
    t.ok(code == 0 and out == text, "and listings with halves and remarks", out + err)

    code, out, err = run(GPUVM, "disasm", "--json", "--org", "0x100", binary)
    try:
        j = json.loads(out)
    except ValueError:
        j = []
    t.ok(code == 0 and [int(x["word"], 16) for x in j] == WORDS and j[2]["text"] == "@p0 bra 0x100" and
         [x["offset"] for x in j] == [256, 264, 272, 280] and all(x["known"] for x in j), "disasm --json --org", out + err)
    code, out, err = run(GPUVM, "disasm", path("zero.bin", bytes(8)))
    t.ok(code == 0 and ".word 0x0000000000000000" in out and "no instruction" in out, "an unknown word is shown", out)

    for what, text, words in (("an unknown instruction", "exit\n\nfoo r1\n", ("line 3", "foo")),
                              ("an unknown label", "bra away\n", ("line 1", "away")),
                              ("a register too many", "mov r64, r0\n", ("line 1", "r64"))):
        keep = path("keep.bin", b"keep")
        code, _, err = run(GPUVM, "asm", path("bad.s", text.encode()), "-o", keep)
        one_line(what, code, err, "bad.s", *words)
        t.ok(open(keep, "rb").read() == b"keep", f"{what}: the old output stays")
    code, _, err = run(GPUVM, "disasm", path("odd.bin", bytes(12)))
    one_line("half an instruction", code, err, "12 bytes")
    code, _, err = run(GPUVM, "disasm", "--hex", source)
    one_line("no words in it", code, err, source)
    code, _, err = run(GPUVM, "disasm")
    one_line("no file", code, err, "file")
    code, _, err = run(GPUVM, "disasm", "--org", "4", binary)
    one_line("an odd --org", code, err, "--org")
    code, _, err = run(GPUVM, "asm", source)
    one_line("no output", code, err, "-o")
    code, _, err = run(GPUVM, "asm", source, "-o", binary, "--fast")
    one_line("an unknown option", code, err, "--fast")
    code, _, err = run(GPUVM, "disasm", path("gone.bin"))
    t.ok(code == 1 and "gone.bin" in err, "a file that does not exist", err)
    code, _, err = run(GPUVM, "asm", source, "-o", path("no/such/folder"))
    t.ok(code == 1 and "folder" in err, "a place that cannot be written", err)
t.end()
