#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""OpenGL 4.3 compute shaders (tests/gl) through EGL without a window, on Mesa's unmodified nouveau driver: natively,
compared with llvmpipe, which computes them on the processor; and in full mode, where every byte must be as it was
natively.  What is known to be wrong stands in KNOWN with its reason."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from conform import cases, judge, judge_same, run_cases  # noqa: E402
from tap import BUILD, DEADLINE, Tap, prog  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SHADERS = os.path.join(HERE, "..", "gl", "compute.comp")
RUNNER, GPUVM = prog("gpuvm-gl"), prog("gpuvm")
# Case: (what the complaint holds, the reason).
KNOWN = {}
# Mesa finds no way out to a screen or to another GPU.
ENV = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "GALLIUM_DRIVER")}
SOFTWARE = dict(ENV, LIBGL_ALWAYS_SOFTWARE="1", GALLIUM_DRIVER="llvmpipe")
t = Tap()


def inside(mode):
    return [GPUVM, "run", "--private", "--mode", mode, "--"]


def driver(head, env):
    """Who renders there; empty if nobody does."""
    r = subprocess.run([*head, RUNNER, "--driver"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, text=True, env=env, timeout=DEADLINE)
    return r.stdout.strip()


def why_not():
    if not os.path.exists(RUNNER):
        return "gpuvm-gl is not built: no EGL headers or library (libegl-dev libgl-dev)"
    if not os.path.exists(os.path.join(BUILD, "lib", "libgpuvm-drm.so")):
        return "this build has no preload library (sanitizers)"
    if "llvmpipe" not in driver([], SOFTWARE):
        return "no llvmpipe to compare with (libgl1-mesa-dri)"
    return None


def main():
    reason = why_not()
    if reason:
        t.skip("OpenGL compute shaders", reason)
        t.end()
    for mode in ("native", "full"):
        name = driver(inside(mode), ENV)
        t.ok(name == "NVC0", f"{mode}: Mesa's nouveau driver is at work", name)
    with tempfile.TemporaryDirectory(prefix="gpuvm-gl-") as scratch:
        res = {}
        for place, head, env in (("llvmpipe", [], SOFTWARE), ("native", inside("native"), ENV),
                                 ("full", inside("full"), ENV)):
            folder = os.path.join(scratch, place)
            res[place] = run_cases(head, env, SHADERS, folder, KNOWN, (RUNNER, SHADERS, folder))
        for c in cases(SHADERS):
            judge(t, f"{c.name}, native", c, res["native"], res["llvmpipe"], KNOWN, scratch)
            judge_same(t, f"{c.name}, full as native", c, res["native"], res["full"])
    t.end()


main()
