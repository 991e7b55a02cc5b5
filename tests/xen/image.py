#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""image.py VMDIR BUILD OUT: what dom0 and its guests boot into, as OUT/dom0.cpio and OUT/domu.cpio.

dom0: BusyBox, xenstored, xenconsoled, xl, our daemon and control tool, the scenarios, and the
guests' kernel and archive.  A guest: BusyBox and our guest programs.  Each with the libraries its
programs link to.  Nothing is compressed: unpacking costs an emulated processor more than reading.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "vm"))
from initramfs import Archive, closure, module_files, read  # noqa: E402

DIRS = ("bin", "dev", "etc", "etc/xen", "lib", "lib64", "mods", "proc", "root", "run", "sys", "tmp", "usr",
        "usr/lib", "var", "var/lib", "var/lib/xen", "var/lib/xenstored", "var/lock", "var/log", "var/log/xen",
        "var/log/xen/console")
DOM0_MODULES = ("xen_privcmd", "xen_evtchn", "xen_gntdev", "xen_gntalloc", "xenfs")
GUEST_MODULES = ("xen_privcmd", "xen_evtchn", "xen_gntdev", "xen_gntalloc", "xenfs")
TOOLS = ("xl", "xenstored", "xenconsoled", "xen-init-dom0", "xenconsole", "libxl-save-helper")
DAEMON = ("gpuvmd", "gpuvm")
GUEST = ("gpuvm-copy", "gpuvm-guest")
# For bench.py; there when they were built.
BENCH_DOM0 = ("gpuvm-xen-echo", "gpuvm-copy")
BENCH_GUEST = ("gpuvm-xen-bench",)


def libraries(programs, where):
    """Files that the dynamic loader would bring, by their path here."""
    found = {}
    for p in programs:
        env = dict(os.environ, LD_LIBRARY_PATH=where)
        text = subprocess.run(["ldd", p], env=env, check=False, capture_output=True, text=True).stdout
        for path in re.findall(r"(/\S+\.so\S*) \(", text):
            found[os.path.basename(path)] = os.path.realpath(path)
    # Loaded by name when a thread ends: ldd does not list it.
    gcc = subprocess.run(["gcc", "-print-file-name=libgcc_s.so.1"], check=True, capture_output=True, text=True)
    found["libgcc_s.so.1"] = os.path.realpath(gcc.stdout.strip())
    return found


def built(build, names):
    return tuple(n for n in names if os.path.exists(f"{build}/bin/{n}"))


def folders(programs):
    for d in sorted({os.path.dirname(p) for p in programs}):
        parts = d.split("/")
        for i in range(1, len(parts) + 1):
            path = "/".join(parts[:i])
            if path not in DIRS:
                yield path


def root(vm, init, modules, programs, where):
    """programs: {path in the archive: path here}; a folder comes before what is in it."""
    a = Archive()
    for d in DIRS + tuple(folders(programs)):
        a.dir(d)
    a.link("var/run", "../run")
    a.file("bin/busybox", read(f"{vm}/busybox/bin/busybox"), 0o755)
    a.link("bin/sh", "busybox")
    a.file("init", read(f"{HERE}/{init}"), 0o755)
    for to, path in programs.items():
        a.file(to, read(path), 0o755)
    for name, path in libraries(programs.values(), where).items():
        a.file(("lib64/" if name.startswith("ld-linux") else "lib/") + name, read(path), 0o755)
    tree = next(t for t in (f"{vm}/linux-6.1/lib/modules", f"{vm}/linux-6.1/usr/lib/modules") if os.path.isdir(t))
    order, _, data = closure(module_files(tree), modules)
    a.file("mods/order", ("\n".join(order) + "\n").encode())
    for name in order:
        a.file(f"mods/{name}.ko", data[name])
    return a


def write(archive, path):
    data = archive.pack(raw=True)
    with open(path, "wb") as f:
        f.write(data)
    return data


def main():
    vm, build, out = sys.argv[1:]
    with open(f"{vm}/xen.version", encoding="ascii") as f:
        base = f"usr/lib/xen-{f.read().strip()}"
    where = f"{vm}/xen/usr/lib/x86_64-linux-gnu"
    programs = {f"bin/{p}": f"{build}/bin/{p}" for p in GUEST + built(build, BENCH_GUEST)}
    guest = write(root(vm, "guest-init.sh", GUEST_MODULES, programs, where), f"{out}/domu.cpio")
    programs = {f"{base}/bin/{t}": f"{vm}/xen/{base}/bin/{t}" for t in TOOLS}
    programs["bin/xenstore"] = f"{vm}/xen/usr/bin/xenstore"
    programs.update({f"bin/{p}": f"{build}/bin/{p}" for p in DAEMON + built(build, BENCH_DOM0)})
    # libxl looks for its helpers below the folder it was built for.
    a = root(vm, "dom0-init.sh", DOM0_MODULES, programs, where)
    a.link("xen-bin", f"{base}/bin")
    for word in ("read", "write", "ls", "list"):
        a.link(f"bin/xenstore-{word}", "xenstore")
    for name in sorted(n for n in os.listdir(HERE) if re.match(r"scenarios\.sh$|scenario-.*\.sh$", n)):
        a.file(name, read(f"{HERE}/{name}"), 0o755)
    a.dir("guest")
    a.file("guest/vmlinux", read(f"{vm}/vmlinux-6.1"))
    a.file("guest/domu.cpio", guest)
    write(a, f"{out}/dom0.cpio")


if __name__ == "__main__":
    main()
