#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""initramfs.py [--raw] KERNELROOT BUSYBOX INIT OUT [PROGRAM | FILE=NAME]...: what the guest boots into.

BusyBox, the guest's init script, nouveau with the modules it needs (uncompressed, with a
modules.dep of our own), programs (to /bin), and files under names of their own, as a newc archive,
gzipped unless --raw says that unpacking would cost more than reading.
"""
import gzip
import lzma
import os
import stat
import sys

MODULES = ("nouveau",)
DIRS = ("bin", "dev", "etc", "proc", "sys", "tmp")


class Archive:
    """A cpio archive in the kernel's newc format (Documentation/driver-api/early-userspace/buffer-format)."""

    def __init__(self):
        self.parts = []
        self.inode = 0
        self.dirs = set()

    def add(self, name, mode, data=b""):
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def dir(self, name):
        """With those above it, each once."""
        if not name or name in self.dirs:
            return
        self.dir(os.path.dirname(name))
        self.dirs.add(name)
        self.add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self.add(name, stat.S_IFREG | mode, data)

    def link(self, name, to):
        self.add(name, stat.S_IFLNK | 0o777, to.encode())

    def pack(self, raw):
        self.add("TRAILER!!!", 0)
        data = b"".join(self.parts)
        return data if raw else gzip.compress(data, compresslevel=1)


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def module_files(tree):
    """Name as modinfo spells it -> path."""
    found = {}
    for where, _, names in os.walk(tree):
        for n in names:
            if ".ko" in n:
                found[n.split(".ko")[0].replace("-", "_")] = os.path.join(where, n)
    return found


def depends(module):
    at = module.find(b"\0depends=") + 9
    text = module[at : module.index(b"\0", at)].decode()
    return [d.replace("-", "_") for d in text.split(",") if d]


def closure(files, names):
    """Modules with all they need, in an order that loads, and each one's direct needs."""
    order, needs, data = [], {}, {}

    def visit(name):
        if name in data:
            return
        data[name] = read(files[name])
        needs[name] = [d for d in depends(data[name]) if d in files]
        for d in needs[name]:
            visit(d)
        order.append(name)

    for n in names:
        visit(n)
    return order, needs, data


def all_needs(needs, name):
    """Direct and indirect, as modules.dep wants them: what must be loaded last comes first."""
    out = []
    for d in needs[name]:
        for x in [d] + all_needs(needs, d):
            if x in out:
                out.remove(x)
            out.append(x)
    return out


def add_modules(archive, root):
    tree = next(t for t in (f"{root}/lib/modules", f"{root}/usr/lib/modules") if os.path.isdir(t))
    version = os.listdir(tree)[0]
    base = f"lib/modules/{version}"
    order, needs, data = closure(module_files(f"{tree}/{version}"), MODULES)
    archive.dir(base)
    for name in order:
        archive.file(f"{base}/{name}.ko", data[name])
    dep = "".join(
        f"{n}.ko:" + "".join(f" {d}.ko" for d in all_needs(needs, n)) + "\n" for n in order
    )
    archive.file(f"{base}/modules.dep", dep.encode())


def main():
    raw = sys.argv[1] == "--raw"
    root, busybox, init, out, *programs = sys.argv[1 + raw :]
    archive = Archive()
    for d in DIRS:
        archive.dir(d)
    archive.file("bin/busybox", read(busybox), 0o755)
    archive.link("bin/sh", "busybox")
    archive.file("init", read(init), 0o755)
    for p in programs:
        path, _, name = p.partition("=")
        name = name or "bin/" + os.path.basename(path)
        archive.dir(os.path.dirname(name))
        archive.file(name, read(path), 0o755)
    add_modules(archive, root)
    with open(out, "wb") as f:
        f.write(archive.pack(raw))


if __name__ == "__main__":
    main()
