#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library under Mesa 25.0 of Debian 13, in a chroot.  GPUVM_DEBIAN13 names its folder (as root: debootstrap trixie
FOLDER, then apt-get install mesa-opencl-icd ocl-icd-libopencl1 clinfo python3 in it); without one the test is skipped."""
import glob
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tap import BUILD, Tap, prog, run  # noqa: E402

t = Tap()
root = os.environ.get("GPUVM_DEBIAN13", "")
lib = os.path.join(BUILD, "lib", "libgpuvm-drm.so")
missing = None
if not root:
    missing = "GPUVM_DEBIAN13 is not set"
elif os.geteuid():
    missing = "chroot wants root"
elif not os.path.exists(lib):
    missing = "a sanitizer's run-time cannot be preloaded"
elif not os.path.exists(root + "/usr/bin/clinfo"):
    missing = f"{root} has no clinfo"
if missing:
    t.skip("Mesa 25.0", missing)
    t.end()

# The library by the name it has outside, its files beside it, and the decoder it links.
extra = "/gpuvm-test-lib"


def clean():
    for path in (f"{BUILD}/lib", f"{BUILD}/share", extra):
        shutil.rmtree(root + path, ignore_errors=True)


clean()
for what in ("lib", "share"):
    os.makedirs(f"{root}{BUILD}/{what}", exist_ok=True)
shutil.copy(lib, f"{root}{BUILD}/lib")
shutil.copytree(f"{BUILD}/share", f"{root}{BUILD}/share", symlinks=True, dirs_exist_ok=True)
os.makedirs(root + extra, exist_ok=True)
for name in glob.glob("/lib/*/libZydis.so.*") + glob.glob("/lib/*/libZycore.so.*"):
    shutil.copy(name, root + extra)
shutil.copy(os.path.join(HERE, "cl_copy.py"), root + extra)
env = dict(os.environ, LD_LIBRARY_PATH=extra)

for mode in ("native", "full"):
    def guest(*argv):
        return run(prog("gpuvm"), "run", "--private", "--mode", mode, "--", "chroot", root, *argv, env=env)

    code, out, err = guest("clinfo")
    t.ok(code == 0 and "NVC0" in out and "25.0" in out, f"{mode}: clinfo on Mesa 25.0", out + err)
    t.ok("cl_khr_fp64" in out, f"{mode}: it offers doubles", out)
    code, out, err = guest("python3", f"{extra}/cl_copy.py", "2000003", "2", "3")
    t.ok(code == 0 and "came back" in out, f"{mode}: data there and back", out + err)
clean()
t.end()
