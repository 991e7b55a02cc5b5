# SPDX-License-Identifier: MIT
"""A program with a buffer in VRAM that it maps, fills, unmaps, maps again and reads; prints one line of JSON."""
import ctypes
import json
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LEN, VRAM, RDWR, SHARED = 1 << 20, 2, 3, 1
GEM_NEW = 0xC0000000 | 48 << 16 | ord("d") << 8 | 0x40 + 0x40

fd = os.open("/dev/dri/renderD128", os.O_RDWR)
seen = []
for seed in (1, 2):
    # handle, domain, size, offset, map_handle, tile_mode, tile_flags; channel_hint, align
    req = ctypes.create_string_buffer(struct.pack("<IIQQQIIII", 0, VRAM, LEN, 0, 0, 0, 0, 0, 0))
    if libc.ioctl(fd, ctypes.c_ulong(GEM_NEW), req):
        raise OSError(ctypes.get_errno(), "GEM_NEW")
    _, domain, size, _, handle, *_ = struct.unpack("<IIQQQIIII", req.raw[:48])
    data = bytes((i * seed) & 0xFF for i in range(256)) * (LEN // 256)
    p = libc.mmap(None, LEN, RDWR, SHARED, fd, handle)
    if p in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    ctypes.memmove(p, data, LEN)
    libc.munmap(p, LEN)
    p = libc.mmap(None, LEN, RDWR, SHARED, fd, handle)
    seen.append(ctypes.string_at(p, LEN) == data)
print(json.dumps({"vram": domain == VRAM, "size": size, "same": seen}))
