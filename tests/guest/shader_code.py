#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the bytes of a file as a shader program through the nouveau interface alone, without libdrm or Mesa.  Prints
what each call answered ("0" or an error's name) and, at the end, the word that the GPU writes behind the program:
    shader_code.py FILE"""
import ctypes
import errno
import fcntl
import mmap
import os
import struct
import sys

CHANNEL_ALLOC, GEM_NEW, GEM_PUSHBUF, CPU_PREP = 0xc0586442, 0xc0306480, 0xc0406481, 0x40086482
GART, WRITE = 4, 4
LEN, CODE, RESULT = 65536, 0x8000, 0xf000
COMPUTE = 0x90c0
# As the compute class wants them: where s[] and l[] are in generic memory; then one warp without memory of its own.
SETUP = ((0x214, 0xfe000000), (0x77c, 0xff000000), (0x1698, 1), (0x3b4, 0), (0x204, 0), (0x208, 0), (0x24c, 0),
         (0x3ac, 1 << 16 | 32), (0x3b0, 1), (0x238, 1 << 16 | 1), (0x23c, 1))
LAUNCH = (0x368, 0x1000)


class Push(ctypes.Structure):
    _fields_ = [("channel", ctypes.c_uint32), ("nr_buffers", ctypes.c_uint32), ("buffers", ctypes.c_uint64),
                ("nr_relocs", ctypes.c_uint32), ("nr_push", ctypes.c_uint32), ("relocs", ctypes.c_uint64),
                ("push", ctypes.c_uint64), ("suffix", ctypes.c_uint32 * 2), ("vram", ctypes.c_uint64),
                ("gart", ctypes.c_uint64)]


class Buffer(ctypes.Structure):
    _fields_ = [("user", ctypes.c_uint64), ("handle", ctypes.c_uint32), ("read", ctypes.c_uint32),
                ("write", ctypes.c_uint32), ("valid", ctypes.c_uint32), ("presumed", ctypes.c_uint64 * 2)]


class Piece(ctypes.Structure):
    _fields_ = [("bo", ctypes.c_uint32), ("pad", ctypes.c_uint32), ("offset", ctypes.c_uint64),
                ("length", ctypes.c_uint64)]


def call(what, request, arg):
    try:
        fcntl.ioctl(fd, request, arg)
        print(what, 0, flush=True)
    except OSError as e:
        print(what, errno.errorcode[e.errno], flush=True)


def push(words):
    mem[0:4 * len(words)] = struct.pack(f"{len(words)}I", *words)
    b = Buffer(handle=handle, write=GART, valid=GART)
    p = Piece(length=4 * len(words))
    call("pushbuf", GEM_PUSHBUF, Push(channel=chan, nr_buffers=1, buffers=ctypes.addressof(b), nr_push=1,
                                      push=ctypes.addressof(p)))
    call("wait", CPU_PREP, struct.pack("II", handle, WRITE))


def method(subc, mthd, *data):
    return (1 << 29 | len(data) << 16 | subc << 13 | mthd >> 2, *data)


fd = os.open("/dev/dri/renderD128", os.O_RDWR)
req = bytearray(88)
fcntl.ioctl(fd, CHANNEL_ALLOC, req)
chan = struct.unpack_from("i", req, 8)[0]
req = bytearray(struct.pack("IIQQQIIII", 0, GART, LEN, 0, 0, 0, 0, 0, 0))
fcntl.ioctl(fd, GEM_NEW, req)
handle, va, off = struct.unpack_from("I12xQQ", req)
mem = mmap.mmap(fd, LEN, offset=off)
with open(sys.argv[1], "rb") as f:
    code = f.read()
mem[CODE:CODE + len(code)] = code
out = [*method(1, 0, COMPUTE), *method(1, 0x1608, va + CODE >> 32, va + CODE & 0xffffffff)]
for m, v in (*SETUP, LAUNCH):
    out += method(1, m, v)
push(out)
# No program that lives would be told so by an interrupt alone: the answer to the next submission is the error.
push([*method(1, 0x10, va + RESULT >> 32, va + RESULT & 0xffffffff, 4711, 2)])
print("word", struct.unpack_from("I", mem, RESULT)[0])
