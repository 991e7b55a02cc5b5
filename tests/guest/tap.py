# SPDX-License-Identifier: MIT
"""TAP for scenario scripts, and the project's programs as they were built (GPUVM_BUILD)."""
import array
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("GPUVM_BUILD", "build"))
# A sanitizer build is slower; deadlines only bound a hang.
DEADLINE = 120


def prog(name):
    return os.path.join(BUILD, "bin", name)


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0

    def ok(self, cond, what, detail=""):
        self.n += 1
        self.failed += not cond
        print(f"{'ok' if cond else 'not ok'} {self.n} - {what}", flush=True)
        if not cond and detail:
            for line in str(detail).splitlines()[-20:]:
                print("  # " + line, flush=True)
        return cond

    def skip(self, what, reason):
        self.n += 1
        print(f"ok {self.n} - {what} # SKIP {reason}", flush=True)

    def end(self):
        print(f"1..{self.n}", flush=True)
        sys.exit(1 if self.failed else 0)


def run(*argv, **kw):
    """(exit code, stdout, stderr)"""
    kw.setdefault("timeout", DEADLINE)
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
    return r.returncode, r.stdout, r.stderr


class Daemon:
    """A gpuvmd of one's own in a scratch folder."""

    def __init__(self, *options, gpu="sim:vram=1G", program=None):
        self.dir = tempfile.TemporaryDirectory(prefix="gpuvm-test-")
        self.path = os.path.join(self.dir.name, "sock")
        self.log = open(os.path.join(self.dir.name, "log"), "w+")
        r, w = os.pipe()
        self.proc = subprocess.Popen([program or prog("gpuvmd"), "--gpu", gpu, "--socket", self.path, "--ready-fd", str(w),
                                      *options], pass_fds=[w], stdin=subprocess.DEVNULL, stderr=self.log)
        os.close(w)
        if os.read(r, 1) != b"r":
            raise RuntimeError("gpuvmd did not start: " + self.text())
        os.close(r)

    def text(self):
        self.log.flush()
        with open(self.log.name) as f:
            return f.read()

    def call(self, **req):
        """(answer, descriptors)"""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(DEADLINE)
            s.connect(self.path)
            s.send(json.dumps(req).encode())
            fds = array.array("i")
            data, anc, _, _ = s.recvmsg(200000, socket.CMSG_SPACE(5 * 4))
            for level, kind, body in anc:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
            return json.loads(data), list(fds)

    def status(self):
        return self.call(op="status")[0]["status"]

    def audit(self):
        return self.call(op="audit")[0]

    def wait_no_guests(self):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            s = self.status()
            if not s["guests"]:
                return s
            time.sleep(0.01)
        raise RuntimeError("guests are still there")

    def nr_fds(self):
        return len(os.listdir(f"/proc/{self.proc.pid}/fd"))

    def rss_kib(self):
        with open(f"/proc/{self.proc.pid}/smaps_rollup") as f:
            return sum(int(x.split()[1]) for x in f if x.startswith("Anonymous:"))

    def stop(self):
        """Its exit code."""
        if self.proc.poll() is None:
            self.call(op="stop")
        code = self.proc.wait(timeout=DEADLINE)
        self.log.close()
        self.dir.cleanup()
        return code


def make_file(folder, name, size, seed=1):
    """A file of pseudo-random bytes."""
    import random
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(random.Random(seed).randbytes(size))
    return path
