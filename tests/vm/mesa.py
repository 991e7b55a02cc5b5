#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian 12's Mesa on stock nouveau in a virtual machine: OpenCL whose results equal a process guest's.  Speaks TAP."""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import BUILD, KERNELS, OUT, VM, Daemon, Machine, initramfs, prepare, warnings  # noqa: E402

ROOT = f"{VM}/mesa"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/llvm-15/lib")
# What is opened by name at run time, and so is in no list of needed libraries.
OPENED = ("libRusticlOpenCL.so.1", "libOpenCL.so.1")
FOLDERS = ("usr/lib/clc", "usr/lib/llvm-15/lib/clang")
ENVIRONMENT = "".join(f"export {v}\n" for v in (
    "OCL_ICD_VENDORS=rusticl.icd", "RUSTICL_ENABLE=nouveau", "MESA_SHADER_CACHE_DISABLE=true"))
WORK = ("--size", "tiny", "all")
LIMIT_S = 900


def find(name):
    return next((f"{ROOT}/{d}/{name}" for d in LIBRARIES if os.path.exists(f"{ROOT}/{d}/{name}")), None)


def needed(path):
    text = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def files():
    """PATH=NAME for all that the program, its libraries and the compiler in them open."""
    todo, found = needed(f"{BUILD}/bin/gpuvm-work") + list(OPENED), {}
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found[name] = find(name)
        if not found[name]:
            raise RuntimeError(f"{name} is not in the packages")
        todo += needed(found[name])
    out = [f"{path}=lib/x86_64-linux-gnu/{name}" for name, path in found.items() if not name.startswith("ld-")]
    out.append(f"{find('ld-linux-x86-64.so.2')}=lib64/ld-linux-x86-64.so.2")
    for folder in FOLDERS:
        for where, _, names in os.walk(f"{ROOT}/{folder}"):
            out += [f"{where}/{n}={os.path.relpath(where, ROOT)}/{n}" for n in names
                    if re.match(r"spirv.*\.spv|opencl-c.*\.h", n)]
    return out


def results(text):
    """What each program said, by name."""
    rows = [json.loads(l) for l in text.splitlines() if l.startswith("{")]
    return {r["name"]: r for r in rows}


def in_process():
    r = subprocess.run([f"{BUILD}/bin/gpuvm", "run", "--private", "--", f"{BUILD}/bin/gpuvm-work", "--json", *WORK],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    return results(r.stdout)


def in_machine(kernel):
    """(results, what was wrong)"""
    image, tag = f"{VM}/initramfs-mesa-{kernel}", f"mesa-{kernel}"
    environment = f"{OUT}/mesa.environment"
    os.makedirs(OUT, exist_ok=True)
    with open(environment, "w", encoding="ascii") as f:
        f.write(ENVIRONMENT)
    with open(f"{OUT}/mesa.icd", "w", encoding="ascii") as f:
        f.write(OPENED[0] + "\n")
    initramfs(kernel, image, f"{BUILD}/bin/gpuvm-work", f"{environment}=etc/environment",
              f"{OUT}/mesa.icd=etc/OpenCL/vendors/rusticl.icd", *files(), raw=True)
    daemon = Daemon(tag)
    try:
        machine = Machine(kernel, daemon.attach("full,best", vram="256M"),
                          ":".join(("load,run:gpuvm-work:--json",) + WORK), tag, VM_RAM="2G", VM_INITRD=image)
        text = machine.finish(LIMIT_S)
    finally:
        problems = daemon.close()
    os.unlink(image)
    if not re.search(r"^VM run 0 gpuvm-work", text, re.M):
        problems.append("the program did not succeed")
    return results(text), problems + warnings(text, kernel)


def main():
    why = prepare("mesa")
    if not why and not os.path.exists(f"{BUILD}/bin/gpuvm-work"):
        why = "gpuvm-work is not built: no OpenCL headers or library"
    if why:
        print(f"1..1\nok 1 - Mesa in a virtual machine # SKIP {why}")
        return 0
    print(f"1..{len(KERNELS)}")
    process, failures = in_process(), 0
    for number, kernel in enumerate(KERNELS, 1):
        start = time.monotonic()
        got, problems = in_machine(kernel)
        for name, want in process.items():
            have = got.get(name, {"checksum": "nothing"})["checksum"]
            if have != want["checksum"]:
                problems.append(f"{name}: {have} in the machine, {want['checksum']} in a process")
        for p in problems:
            print(f"# {p}")
        print(f"{'not ' if problems else ''}ok {number} - {len(process)} OpenCL programs on Mesa and Linux {kernel} "
              f"# {time.monotonic() - start:.0f} s", flush=True)
        failures += bool(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
