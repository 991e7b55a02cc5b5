#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gpuvm attach as its user meets it: modes and options, refusals, counters and the access log, with a client that
speaks just enough vfio-user to read a register."""
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Daemon, Tap, prog, run  # noqa: E402

t = Tap()
GPUVM = prog("gpuvm")
VERSION, READ, WRITE = 1, 9, 10
BAR0, CONFIG = 0, 7


class Client:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s.settimeout(60)
        self.s.connect(path)
        self.id = 0
        self.call(VERSION, b"\0\0\0\0{}\0")

    def call(self, cmd, body):
        """The reply's body; an OSError's number if it is an error."""
        self.id += 1
        self.s.sendall(struct.pack("<HHIII", self.id, cmd, 16 + len(body), 0, 0) + body)
        head = self.s.recv(16, socket.MSG_WAITALL)
        number, _, size, flags, error = struct.unpack("<HHIII", head)
        assert number == self.id
        rest = self.s.recv(size - 16, socket.MSG_WAITALL) if size > 16 else b""
        return error if flags & 0x20 else rest

    def read(self, off):
        return struct.unpack("<I", self.call(READ, struct.pack("<QII", off, BAR0, 4))[16:])[0]

    def switch_on(self):
        """Memory decode, as a kernel would."""
        self.call(WRITE, struct.pack("<QIII", 4, CONFIG, 4, 7))


d = Daemon()
at = d.dir.name


def attach(name, *more):
    return run(GPUVM, "attach", "--socket", d.path, "--vfio-user", f"{at}/{name}", "--name", name, "--vram", "64M",
               *more)


code, out, err = attach("a", "--mode", "full,lazy,track", "--access-log", f"{at}/a.log")
t.ok(code == 0 and "vfio-user-pci" in out and f"{at}/a" in out, "attach prints QEMU's arguments", out + err)
guest = {g["name"]: g for g in d.call(op="status")[0]["status"]["guests"]}["a"]
t.ok(guest["options"] == "lazy,track", "its options are those asked for", guest["options"])
# No BAR of a machine's can be memory: an option that needs it is refused, and "best" is what there is without.
for mode in ("full,bar-remap", "full,nonsense", "naive-pv", "native", "passthrough,lazy", ""):
    code, out, err = attach("b", "--mode", mode)
    t.ok(code in (1, 2) and err.count("\n") == 1 and not os.path.exists(f"{at}/b"), f"refused: --mode '{mode}'", err)
code, out, err = attach("best", "--mode", "full,best")
guest = {g["name"]: g for g in d.call(op="status")[0]["status"]["guests"]}["best"]
t.ok(code == 0 and guest["options"] == "keep,lazy,track", "full,best is what there is without", err)
code, out, err = attach("b", "--access-log", f"{at}/nowhere/log")
t.ok(code == 1 and "No such file" in err and not os.path.exists(f"{at}/b"), "a log that cannot be written", err)
a, _ = d.call(op="attach", name="p", mode="full", vram=64 << 20, access_log=f"{at}/p.log")
t.ok(not a["ok"] and "access_log" in a["error"], "a process guest has no access log", a)

c = Client(f"{at}/a")
c.switch_on()
t.ok(c.read(0) >> 20 == 0x0C0, "a client reads the chip's name")
guest = {g["name"]: g for g in d.call(op="status")[0]["status"]["guests"]}["a"]
t.ok(guest["vfio_user"]["messages"] == 3 and guest["vfio_user"]["accesses"] == 2, "messages and accesses are counted",
     guest["vfio_user"])
c.s.close()
code, out, err = run(GPUVM, "detach", "--socket", d.path, "a")
d.call(op="audit")
with open(f"{at}/a.log") as f:
    lines = [l.split()[1:] for l in f]
t.ok(lines[0] == ["write", "config", "000004", "4", "7"] and lines[1][:4] == ["read", "bar0", "000000", "4"],
     "the access log has both accesses", lines)
t.ok(not os.path.exists(f"{at}/a"), "the socket is gone with the guest")
t.ok(d.stop() == 0, "the daemon ends with 0")
t.end()
