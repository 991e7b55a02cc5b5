# SPDX-License-Identifier: MIT
"""What clpeak prints: its sections, and the row of each width that must have a figure."""
import re


def widths(name):
    return [name, *(f"{name}{n}" for n in (2, 4, 8, 16))]


SECTIONS = {
    "Global memory bandwidth": widths("float"), "Single-precision compute": widths("float"),
    "Integer compute (GIOPS)": widths("int"), "Integer compute Fast 24bit": widths("int"),
    "Transfer bandwidth": ["enqueueWriteBuffer", "enqueueReadBuffer", "enqueueMapBuffer(for read)",
                           "memcpy from mapped ptr", "enqueueUnmap(after write)", "memcpy to mapped ptr"],
    "Kernel launch latency": ["Kernel launch latency"],
}
# Of clpeak 1.1.3, where the device has doubles.
SECTIONS_13 = {
    **SECTIONS, "Double-precision compute": widths("double"), "Integer char (8bit) compute": widths("char"),
    "Integer short (16bit) compute": widths("short"),
}
# Its work grows with VRAM, so native and full get the same.
NATIVE = ["--mode", "native", "--gpu", "sim:vram=256M"]
# On a loaded machine one of its kernels may run longer than a guest's work usually may.
FULL = ["--private", "--mode", "full", "--vram", "256M", "--timeout", "600s"]


def figures(text, sections):
    """{section: {row: figure}}"""
    got, section = {}, None
    for line in text.splitlines():
        section = next((s for s in sections if s in line), section)
        m = re.match(r"\s+(\S.*?)\s*: ([0-9.]+)", line)
        if section and m:
            got.setdefault(section, {})[m[1]] = float(m[2])
    return got


def lost(text, sections, may_be_0=()):
    """The rows that have no figure, or one that is 0."""
    got = figures(text, sections)
    return [f"{s}: {r}" for s, rows in sections.items() for r in rows
            if not (got.get(s, {}).get(r) or r in may_be_0 and r in got.get(s, {}))]
