#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds that this machine is not set up for: without Xen's libraries, and with those of Debian 13 (Xen 4.20), in the
chroot that long_mesa25.py uses (GPUVM_DEBIAN13, build/debian13).  Only what depends on Xen is built again."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tap import BUILD, Daemon, Tap, prog, run  # noqa: E402

TREE = os.path.dirname(os.path.dirname(HERE))
ROOT = os.path.abspath(os.environ.get("GPUVM_DEBIAN13") or os.path.join("build", "debian13"))
# In the chroot, which another checkout may use too.
BOX = f"/gpuvm-builds-{os.getpid()}"
PACKAGES = "gcc libc6-dev make pkg-config libxen-dev"
# Bounds a hang only.
DEADLINE = 900
# Opens the port, and says what it says where there is no Xen.
OPENS = """
#include <errno.h>
#include <stdio.h>
#include "gpuvm/base/log.h"
#include "gpuvm/hv/xen.h"

int main(void)
{
	struct log log = { .out = stdout, .level = LOG_DEBUG, .name = "builds" };
	struct hv *hv;

	return hv_xen_open(NULL, NULL, &log, &hv) != -EOPNOTSUPP;
}
"""

t = Tap()
# None of the options of the make that runs the tests.
ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}


def make(*words):
    return run("make", "-s", "-C", TREE, *words, env=ENV, timeout=DEADLINE)


def without_xen(at):
    code, out, err = make(f"O={at}", "XEN=0", "CFLAGS=-O1", f"{at}/lib/libhv.a")
    if not t.ok(code == 0, "the hypervisor ports build without Xen", out + err):
        return
    code, out, err = make("-n", f"O={BUILD}", "XEN=0", "all")
    t.ok("built without guests of Xen: XEN=0" in out, "and make says so", out + err)
    names = run("nm", "-u", f"{at}/lib/libhv.a")[1]
    t.ok(not [n for n in names.split() if n.startswith(("xen", "xs_"))], "nothing of Xen's is asked for", names)
    # The daemon that was built, with these ports in place of its own.
    os.makedirs(f"{at}/bin")
    others = [a for a in glob.glob(f"{BUILD}/lib/lib*.a") if not a.endswith("/libhv.a")]
    code, out, err = run("cc", "-o", f"{at}/bin/gpuvmd", f"{BUILD}/obj/gpuvm/main.o", "-rdynamic", "-Wl,--start-group",
                         *others, f"{at}/lib/libhv.a", "-Wl,--end-group", "-pthread", "-ljansson", "-lpciaccess",
                         "-lZydis", "-ldl", "-lrt", "-lm", "-Wl,--as-needed")
    if not t.ok(code == 0, "a daemon of them links", out + err):
        return
    libraries = run("ldd", f"{at}/bin/gpuvmd")[1]
    t.ok("libxen" not in libraries, "and needs none of Xen's libraries", libraries)
    d = Daemon(program=f"{at}/bin/gpuvmd")
    code, out, err = run(prog("gpuvm"), "attach", "guest", "--socket", d.path)
    t.ok(code == 1 and "this daemon serves no domains" in err, "it refuses a domain in words", out + err)
    t.ok(d.stop() == 0, "and ends")


def chroot(*words):
    return run("chroot", ROOT, *words, timeout=DEADLINE, env=dict(ENV, PATH="/usr/sbin:/usr/bin:/sbin:/bin",
                                                                DEBIAN_FRONTEND="noninteractive"))


def missing():
    if os.geteuid():
        return "chroot wants root"
    r = subprocess.run(["sh", os.path.join(HERE, "debian13.sh"), ROOT], stderr=subprocess.PIPE, text=True, check=False)
    if r.returncode:
        return f"no Debian 13 in {ROOT}: {' '.join(r.stderr.split())}"
    if chroot("dpkg-query", "-W", *PACKAGES.split())[0] == 0:
        return None
    code, _, err = chroot("sh", "-c", "apt-get update -qq && apt-get install -y -qq --no-install-recommends " + PACKAGES)
    return f"{PACKAGES} cannot be had: {' '.join(err.split())[-200:]}" if code else None


def debian13():
    what = "the Xen port builds on Debian 13"
    why = missing()
    if why:
        t.skip(what, why)
        return
    box = ROOT + BOX
    try:
        for folder in ("gpuvm/base", "gpuvm/hv", "pv-driver"):
            shutil.copytree(f"{TREE}/{folder}", f"{box}/{folder}")
        shutil.copy(f"{TREE}/Makefile", box)
        with open(f"{box}/opens.c", "w", encoding="ascii") as f:
            f.write(OPENS)
        code, out, err = chroot("make", "-s", "-C", BOX, "CFLAGS=-O1", "build/lib/libhv.a", "build/lib/libbase.a")
        t.ok(code == 0 and os.path.exists(f"{box}/build/obj/gpuvm/hv/xen.o"), what, out + err)
        version = chroot("dpkg-query", "-W", "-f", "${Version}", "libxen-dev")[1]
        t.ok(version.startswith("4.20."), "whose Xen is 4.20", version)
        code, out, err = chroot("sh", "-c", f"cd {BOX} && gcc -std=gnu11 -D_GNU_SOURCE -I. -o opens opens.c build/lib/libhv.a "
                                "build/lib/libbase.a $(pkg-config --libs xendevicemodel xenforeignmemory xenevtchn "
                                "xengnttab xenstore) -pthread && ./opens")
        t.ok(code == 0 and "no guests of Xen here" in out, "links with its libraries, and runs", out + err)
    finally:
        shutil.rmtree(box, ignore_errors=True)


with tempfile.TemporaryDirectory(prefix="gpuvm-test-") as folder:
    without_xen(folder)
debian13()
t.end()
