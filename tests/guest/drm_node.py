#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a program sees of the render node, as JSON: names, descriptors, libdrm's own view, and life after fork and exec.
A program for test_drm.py to start."""
import ctypes
import errno
import fcntl
import json
import os
import stat
import struct
import subprocess
import sys

NODE = "/dev/dri/renderD128"
GETPARAM = 0xc0106440
out = {}


def param(fd, which):
    buf = bytearray(struct.pack("QQ", which, 0))
    fcntl.ioctl(fd, GETPARAM, buf)
    return struct.unpack("QQ", buf)[1]


def code(call, *args):
    """'' or the name of the error."""
    try:
        call(*args)
        return ""
    except OSError as e:
        return errno.errorcode[e.errno]


def names():
    out["list"] = sorted(os.listdir("/dev/dri"))
    for how, st in (("stat", os.stat(NODE)), ("lstat", os.lstat(NODE)), ("fstat", os.fstat(fd))):
        out[how] = [stat.S_ISCHR(st.st_mode), os.major(st.st_rdev), os.minor(st.st_rdev)]
    out["subsystem"] = os.path.basename(os.readlink("/sys/dev/char/226:128/device/subsystem"))
    out["real"] = os.path.realpath("/sys/dev/char/226:128")
    with open(out["real"] + "/device/device") as f:
        out["device"] = f.read().strip()
    folder = os.open("/dev/dri", os.O_RDONLY)
    other = os.open("renderD128", os.O_RDWR, dir_fd=folder)
    out["openat"] = param(other, 11)
    os.close(other)
    out["card0"] = code(os.open, "/dev/dri/card0", os.O_RDWR)


def descriptors():
    out["chipset"] = param(fd, 11)
    out["bad param"] = code(param, fd, 99)
    dup = os.dup(fd)
    third = os.open(NODE, os.O_RDWR)
    os.close(third)
    out["closed"] = code(param, third, 11)
    out["dup"] = param(dup, 11)
    os.close(dup)
    out["after dup"] = param(fd, 11)
    out["other ioctl"] = code(fcntl.ioctl, fd, 0x5413, bytearray(8))  # a terminal's
    null = os.open("/dev/null", os.O_RDWR)
    out["other file"] = code(param, null, 11)


def libdrm():
    drm = ctypes.CDLL("libdrm.so.2")
    devices = (ctypes.c_void_p * 8)()
    out["devices"] = drm.drmGetDevices2(0, devices, 8)
    out["node type"] = drm.drmGetNodeTypeFromFd(fd)
    drm.drmGetDeviceNameFromFd2.restype = ctypes.c_char_p
    out["name"] = drm.drmGetDeviceNameFromFd2(fd).decode()


def fork():
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        told = {"old": code(param, fd, 11), "open": code(os.open, NODE, os.O_RDWR)}
        os.write(w, json.dumps(told).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    out["child"] = json.loads(os.read(r, 4096))
    # A child of vfork closes its copies of the descriptors, in our memory.
    subprocess.run(["true"], close_fds=True, check=True)
    out["parent"] = param(fd, 11)


fd = os.open(NODE, os.O_RDWR | os.O_CLOEXEC)
if sys.argv[1:] == ["again"]:
    print(param(fd, 11))
    sys.exit(0)
names()
descriptors()
libdrm()
fork()
print(json.dumps(out), flush=True)
os.execv(sys.executable, [sys.executable, __file__, "again"])
