#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs of a guest whose processes share its GPU, for test_shared.py to start: shared_prog.py WHAT [ARG...].  Each
prints one line of JSON."""
import array
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

NODE = "/dev/dri/renderD128"
LEN, VRAM, GART, CLOEXEC, RDWR = 1 << 14, 2, 4, os.O_CLOEXEC, os.O_RDWR
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
INFO = "<IIQQQII"  # handle, domain, size, offset, map_handle, tile_mode, tile_flags


def iowr(nr, size):
    return 0xC0000000 | size << 16 | ord("d") << 8 | nr


def code(call, *args):
    """'' or the name of the error."""
    try:
        call(*args)
        return ""
    except OSError as e:
        return errno.errorcode[e.errno]


def param(fd):
    buf = bytearray(struct.pack("QQ", 11, 0))
    fcntl.ioctl(fd, 0xc0106440, buf)
    return struct.unpack("QQ", buf)[1]


def gem_new(fd, size=LEN, domain=GART):
    """(handle, map handle)"""
    req = bytearray(struct.pack(INFO + "II", 0, domain, size, 0, 0, 0, 0, 0, 0))
    fcntl.ioctl(fd, iowr(0x80, len(req)), req)
    h, _, _, _, at, *_ = struct.unpack_from(INFO, req)
    return h, at


def gem_info(fd, handle):
    """(size, map handle)"""
    req = bytearray(struct.pack(INFO, handle, 0, 0, 0, 0, 0, 0))
    fcntl.ioctl(fd, iowr(0x84, len(req)), req)
    _, _, size, _, at, *_ = struct.unpack(INFO, req)
    return size, at


def to_fd(fd, handle):
    req = bytearray(struct.pack("<IIi", handle, CLOEXEC, -1))
    fcntl.ioctl(fd, iowr(0x2d, 12), req)
    return struct.unpack("<IIi", req)[2]


def from_fd(fd, prime):
    req = bytearray(struct.pack("<IIi", 0, 0, prime))
    fcntl.ioctl(fd, iowr(0x2e, 12), req)
    return struct.unpack("<IIi", req)[0]


def chan_new(fd):
    req = bytearray(88)
    fcntl.ioctl(fd, iowr(0x42, len(req)), req)


def mapped(fd, off, size=LEN):
    p = libc.mmap(None, size, 3, 1, fd, off)
    if p in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    return p


def pattern(seed):
    return bytes((i * 7 + seed) & 0xFF for i in range(256)) * (LEN // 256)


def send_fd(s, fd):
    s.sendmsg([b"f"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


def recv_fd(s):
    _, anc, _, _ = s.recvmsg(1, socket.CMSG_SPACE(4))
    fds = array.array("i")
    fds.frombytes(anc[0][2][:4])
    return fds[0]


def again(*args, **kw):
    """This program once more: another process image."""
    return subprocess.Popen([sys.executable, __file__, *args], **kw)


def prime():
    """A process fills a buffer of each kind, gives its descriptors away and ends; others look at them."""
    out = {}
    for name, domain in (("vram", VRAM), ("gart", GART)):
        ours, theirs = socket.socketpair()
        p = again("exporter", str(theirs.fileno()), str(domain), pass_fds=[theirs.fileno()])
        theirs.close()
        prime_fd = recv_fd(ours)
        p.wait()
        fd = os.open(NODE, RDWR | CLOEXEC)
        h = from_fd(fd, prime_fd)
        size, at = gem_info(fd, h)
        seen = [ctypes.string_at(mapped(fd, at), LEN) == pattern(domain)]
        q = mapped(prime_fd, 0)
        seen.append(ctypes.string_at(q, LEN) == pattern(domain))
        ctypes.memmove(q, pattern(9), LEN)
        # A third process, which has the descriptor by inheritance.
        r = again("importer", str(prime_fd), "9", pass_fds=[prime_fd], stdout=subprocess.PIPE)
        seen.append(json.loads(r.communicate()[0]))
        out[name] = {"size": [size, os.fstat(prime_fd).st_size, os.lseek(prime_fd, 0, os.SEEK_END)], "seen": seen,
                     "exit": p.returncode}
    null = os.open("/dev/null", RDWR)
    out["no buffer"] = [code(from_fd, fd, x) for x in (null, fd, 999)]
    return out


def exporter(sock, domain):
    fd = os.open(NODE, RDWR | CLOEXEC)
    h, at = gem_new(fd, domain=int(domain))
    ctypes.memmove(mapped(fd, at), pattern(int(domain)), LEN)
    send_fd(socket.socket(fileno=int(sock)), to_fd(fd, h))
    os._exit(7)


def importer(prime_fd, seed):
    fd = os.open(NODE, RDWR | CLOEXEC)
    _, at = gem_info(fd, from_fd(fd, int(prime_fd)))
    return ctypes.string_at(mapped(fd, at), LEN) == pattern(int(seed))


def give(path):
    """Gives a buffer's descriptor, and the node's, to whoever listens at path; ends when that does."""
    fd = os.open(NODE, RDWR | CLOEXEC)
    h, at = gem_new(fd)
    ctypes.memmove(mapped(fd, at), b"secret" * 100, 600)
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    send_fd(s, to_fd(fd, h))
    send_fd(s, fd)
    s.recv(1)
    return param(fd)


def take(path):
    """What a program of another guest can do with them."""
    fd = os.open(NODE, RDWR | CLOEXEC)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("listening", flush=True)
    s, _ = listener.accept()
    prime_fd, node = recv_fd(s), recv_fd(s)
    os.set_blocking(prime_fd, False)
    return {"import": code(from_fd, fd, prime_fd), "map": code(mapped, prime_fd, 0), "ioctl": code(param, node),
            "read": code(os.read, prime_fd, 1), "own": param(fd)}


def forks():
    """fork without exec; exec with and without the descriptor."""
    out = {}
    fd = os.open(NODE, RDWR | CLOEXEC)
    kept = os.open(NODE, RDWR)
    os.set_inheritable(kept, True)
    h, at = gem_new(fd)
    p = mapped(fd, at)
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        size, _ = gem_info(fd, h)
        ctypes.memmove(p, b"child", 5)
        mine, _ = gem_new(fd)
        os.write(w, json.dumps({"size": size, "handle": mine}).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    out["child"] = json.loads(os.read(r, 4096))
    out["written"] = ctypes.string_at(p, 5).decode()
    # It is one client: what the child made is here.
    out["its buffer"] = gem_info(fd, out["child"]["handle"])[0]
    gem_new(kept)
    code_ = "import shared_prog as s; print(s.json.dumps([s.code(s.param, %d), s.gem_info(%d, 1)[0]]))" % (fd, kept)
    e = subprocess.run([sys.executable, "-c", code_], close_fds=False, stdout=subprocess.PIPE, check=True,
                       cwd=os.path.dirname(os.path.abspath(__file__)))
    out["exec"] = json.loads(e.stdout)
    # The other way round: the parent ends, its child goes on.
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            while os.getppid() != 1 and ctypes.string_at(p, 5) != b"ended":
                pass
            ok = gem_info(fd, h)[0] == LEN and ctypes.string_at(p, 5) == b"ended"
            os.write(w, json.dumps(ok).encode())
            os._exit(0)
        ctypes.memmove(p, b"ended", 5)
        os._exit(0)
    os.waitpid(pid, 0)
    out["orphan"] = json.loads(os.read(r, 4096))
    return out


def limits():
    """Until there is no more of it: nodes, channels; memory from two processes at once."""
    out, nodes = {}, []
    why = ""
    while not why and len(nodes) < 1000:
        why = code(lambda: nodes.append(os.open(NODE, RDWR | CLOEXEC)))
    out["nodes"] = [len(nodes), why]
    while len(nodes) > 2:
        os.close(nodes.pop())
    n, why = 0, ""
    while not why and n < 1000:
        why = code(chan_new, nodes[n % 2])
        n += not why
    out["channels"] = [n, why]
    for fd in nodes:
        os.close(fd)
    go, eaters = os.pipe(), []
    for _ in range(2):
        eaters.append(again("eat", pass_fds=[go[0]], stdin=go[0], stdout=subprocess.PIPE))
    lines = [p.stdout.readline() for p in eaters]
    os.close(go[1])
    for p in eaters:
        p.wait()
    out["memory"] = [json.loads(x) for x in lines]
    fd = os.open(NODE, RDWR | CLOEXEC)
    out["after"] = code(gem_new, fd, 16 << 20)
    return out


def eat():
    fd = os.open(NODE, RDWR | CLOEXEC)
    n, why = 0, ""
    while not why and n < 10000:
        why = code(gem_new, fd, 8 << 20, VRAM | GART)
        n += not why
    print(json.dumps([n * 8, why]), flush=True)
    os.read(0, 1)
    sys.exit(0)


def stale_writer():
    """Has the GPU write where a buffer was that it has given back, again and again."""
    fd = os.open(NODE, RDWR | CLOEXEC)
    chan_new(fd)
    cmd, at = gem_new(fd)
    req = bytearray(struct.pack(INFO + "II", 0, GART, 4096, 0, 0, 0, 0, 0, 0))
    fcntl.ioctl(fd, iowr(0x80, len(req)), req)
    h, _, _, va, *_ = struct.unpack_from(INFO, req)
    fcntl.ioctl(fd, 0x40086409, bytearray(struct.pack("II", h, 0)))
    print("gone", flush=True)
    sys.stdin.readline()
    # The semaphore's address, value, release of four bytes.
    words = struct.pack("<5I", 0x20040004, va >> 32, va & 0xFFFFFFFF, 0xBAD, 0x01000002)
    ctypes.memmove(mapped(fd, at), words, len(words))
    bo = ctypes.create_string_buffer(struct.pack("<QIIIIIIQ", 0, cmd, GART, 0, GART, 0, 0, 0))
    push = ctypes.create_string_buffer(struct.pack("<IIQQ", 0, 0, 0, len(words)))
    end = time.monotonic() + 20
    while time.monotonic() < end:
        fcntl.ioctl(fd, iowr(0x81, 64), bytearray(struct.pack("<IIQIIQQIIQQ", 0, 1, ctypes.addressof(bo), 0, 1, 0,
                                                               ctypes.addressof(push), 0, 0, 0, 0)))


def stale():
    """What one process gave back, another has: the first one's addresses do not lead there."""
    p = again("stale_writer", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.readline()
    fd = os.open(NODE, RDWR | CLOEXEC)
    maps = [mapped(fd, gem_new(fd, 4096)[1], 4096) for _ in range(16)]
    _, err = p.communicate(b"go\n")
    return {"code": p.returncode, "fault": b"MMU fault" in err or b"fault" in err,
            "clean": all(not any(ctypes.string_at(m, 4096)) for m in maps)}


def headless():
    """Kills what drives the GPU, and waits for its own end."""
    fd = os.open(NODE, RDWR | CLOEXEC)
    param(fd)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect("\0" + os.environ["GPUVM_SHARED"])
    pid, _, _ = struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    os.kill(pid, signal.SIGKILL)
    time.sleep(60)


def crowd(n, program, *args):
    """n programs at once; one more is killed at work."""
    r, w = os.pipe()
    here = os.path.dirname(os.path.abspath(__file__))
    victim = subprocess.Popen([sys.executable, os.path.join(here, "cl_copy.py"), "1000000", "2", "100000"], pass_fds=[w],
                              env=dict(os.environ, CL_COPY_READY=str(w)), stdout=subprocess.DEVNULL)
    os.close(w)
    ready = os.read(r, 1) == b"r"
    ps = [subprocess.Popen([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(int(n))]
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    ends = [p.communicate() for p in ps]
    sums = {tuple(json.loads(x)["checksum"] for x in o.splitlines()) for o, _ in ends}
    return {"ready": ready, "codes": [p.returncode for p in ps], "same": len(sums) == 1, "sums": len(next(iter(sums), [])),
            "err": [e.decode()[-300:] for _, e in ends if e]}


def lost(program, *args):
    """A program that loses its work beside one that does not."""
    here = os.path.dirname(os.path.abspath(__file__))
    other = subprocess.Popen([sys.executable, os.path.join(here, "cl_copy.py"), "100000", "2", "20"], stdout=subprocess.DEVNULL)
    bad = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return {"code": bad.returncode, "err": bad.stderr[-600:], "other": other.wait()}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])), flush=True)
