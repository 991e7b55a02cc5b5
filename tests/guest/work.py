# SPDX-License-Identifier: MIT
"""gpuvm-work under gpuvm run, for the scenarios that use it."""
import json
import os
import subprocess

from tap import BUILD, DEADLINE, prog

GPUVM, WORK = prog("gpuvm"), prog("gpuvm-work")
# Every way to reach the GPU, and every set of what full virtualization can leave away.
FULL_BITS = ("keep", "lazy", "track", "bar-remap")
FULL_SETS = tuple(",".join(["full", *(b for i, b in enumerate(FULL_BITS) if n >> i & 1)]) for n in range(16))
MODES = ("native", "passthrough", "full", "full,bar-remap", "full,lazy", "full,optimized", "full,best", "naive-pv",
         "naive-pv,multicall", "hp-pv")
VENDORS = "/etc/OpenCL/vendors"


def why_not():
    """Why OpenCL on a virtual GPU cannot be tried here, or None."""
    if not os.path.exists(WORK):
        return "gpuvm-work is not built: no OpenCL headers or library"
    if not os.path.exists(os.path.join(BUILD, "lib", "libgpuvm-drm.so")):
        return "this build has no preload library (sanitizers)"
    if not os.path.exists(os.path.join(VENDORS, "rusticl.icd")):
        return "Mesa's OpenCL (mesa-opencl-icd) is not installed"
    return None


def has_pocl():
    return os.path.exists(os.path.join(VENDORS, "pocl.icd"))


def command(mode, *args, where=("--private",)):
    """The argument list; mode None: outside a guest."""
    head = [GPUVM, "run", *where, "--mode", mode, "--"] if mode else []
    return [*head, WORK, "--json", *args]


def results(text):
    """{name: object} of what --json printed."""
    return {r["name"]: r for r in map(json.loads, text.splitlines())}


def work(mode, *args, env=None, timeout=DEADLINE):
    """(exit code, results, stderr)"""
    try:
        r = subprocess.run(command(mode, *args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=timeout, env=dict(os.environ, **(env or {})))
    except subprocess.TimeoutExpired as e:
        return "timeout", results((e.stdout or b"").decode()), (e.stderr or b"").decode()
    return r.returncode, results(r.stdout), r.stderr


def names():
    out = subprocess.run([WORK, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.split()[0] for line in out.splitlines()]
