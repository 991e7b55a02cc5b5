#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gpuvmd as an installed service: what make install puts where, what the service manager hears, the folder of domains
and its errors, read again by gpuvm reload and SIGHUP."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import BUILD, DEADLINE, Daemon, Tap, make_file, prog, run  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GPUVM = prog("gpuvm")
t = Tap()


class Manager:
    """Stands for the service manager."""

    def __init__(self, name):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.settimeout(DEADLINE)
        self.s.bind(name)
        os.environ["NOTIFY_SOCKET"] = name.replace("\0", "@")

    def hear(self, start):
        """The next message that starts so, with what came before it."""
        heard = []
        while not heard or not heard[-1].startswith(start):
            heard.append(self.s.recv(4096).decode())
        return heard


def lines(d, text):
    return [x for x in d.text().splitlines() if text in x]


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def service(at):
    domains = f"{at}/domains.d"
    os.mkdir(domains)
    write(f"{domains}/one.conf", "vram = 64M\n")
    write(f"{domains}/two.conf", "# comment\nvram = lots\n")
    m = Manager(f"{at}/notify")
    os.environ["WATCHDOG_USEC"] = "200000"
    d = Daemon("--domains", domains)
    del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
    t.ok(m.hear("READY=1") == ["READY=1\nSTATUS=0 guests"], "the manager hears that the daemon is ready")
    t.ok(m.hear("WATCHDOG=1") and m.hear("WATCHDOG=1"), "and that it lives, again and again")
    t.ok(lines(d, f"error: {domains}/two.conf:2: vram = lots: not a size"), "a wrong file is named with its line",
         d.text())
    t.ok(lines(d, f"1 domains configured in {domains}"), "the others count", d.text())
    code, out, err = run(GPUVM, "reload", "--socket", d.path)
    t.ok(code == 1 and f"{domains}/two.conf:2: vram = lots" in err, "reload says so, too", out + err)
    write(f"{domains}/two.conf", "mode = hp-pv\n")
    code, out, err = run(GPUVM, "reload", "--socket", d.path)
    t.ok(code == 0 and out == "2 domains configured\n", "once it is right it counts", out + err)
    code, out, err = run(GPUVM, "reload", "--json", "--socket", d.path)
    t.ok(code == 0 and out == '{"domains": 2}\n', "as JSON", out + err)
    # A guest that runs does not notice.
    life, _ = d.call(op="attach", name="p", mode="full", vram=64 << 20)
    t.ok(life["ok"] and m.hear("STATUS=")[-1] == "STATUS=1 guests", "the manager hears of a guest")
    write(f"{domains}/three.conf", "weight = 3\n")
    d.proc.send_signal(signal.SIGHUP)
    heard = m.hear("RELOADING=1")
    t.ok(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", heard[-1]) is not None, "SIGHUP is announced", heard)
    t.ok(m.hear("READY=1")[-1] == "READY=1", "and its end")
    t.ok(lines(d, "read again: 3 domains configured"), "and has happened", d.text())
    t.ok([g["name"] for g in d.status()["guests"]] == ["p"], "the guest is still there")
    code, out, err = run(GPUVM, "wait", "nobody", "--timeout", "50ms", "--socket", d.path)
    t.ok(code == 1 and "nobody got no GPU in 50 ms" in err, "waiting for a domain that does not come ends", out + err)
    for argv in ((), ("a", "b"), ("a", "--timeout", "soon")):
        code, out, err = run(GPUVM, "wait", *argv, "--socket", d.path)
        t.ok(code == 2 and err.count("\n") == 1, f"refused: wait {' '.join(argv)}", out + err)
    shutil.rmtree(domains)
    code, out, err = run(GPUVM, "reload", "--socket", d.path)
    t.ok(code == 1 and "No such file" in err, "a folder that is gone is said", out + err)
    d.proc.send_signal(signal.SIGTERM)
    t.ok(m.hear("STOPPING=1")[-1] == "STOPPING=1", "the manager hears of the end")
    t.ok(d.proc.wait(timeout=DEADLINE) == 0 and d.stop() == 0, "which is a good one")


def others(at):
    m = Manager(f"\0gpuvm-test-{os.getpid()}")
    d = Daemon()
    t.ok(m.hear("READY=1") is not None, "an abstract socket will do")
    code, out, err = run(GPUVM, "reload", "--socket", d.path)
    t.ok(code == 1 and "no folder of domains" in err, "a daemon without a folder says so", out + err)
    # Without a folder, hanging up is what it is for any program.
    d.proc.send_signal(signal.SIGHUP)
    t.ok(d.proc.wait(timeout=DEADLINE) == -signal.SIGHUP, "and ends at a SIGHUP")
    d.log.close()
    os.environ["NOTIFY_SOCKET"] = "nonsense"
    code, out, err = run(prog("gpuvmd"), "--socket", f"{at}/s")
    t.ok(code == 2 and "NOTIFY_SOCKET" in err, "a manager's socket that is none is refused", err)
    del os.environ["NOTIFY_SOCKET"]
    code, out, err = run(prog("gpuvmd"), "--socket", f"{at}/s", "--domains", f"{at}/nowhere")
    t.ok(code == 2 and f"{at}/nowhere: No such file" in err, "a folder that is not there, too", err)


def check_unit(at, path):
    with open(path, encoding="ascii") as f:
        unit = f.read()
    start = re.search(r"^ExecStart=(\S+) (.*)$", unit, re.M)
    t.ok("@" not in unit and start.group(1) == "/opt/gpuvm/bin/gpuvmd", "the unit names the installed daemon", unit)
    usage = run(f"{at}{start.group(1)}", "--help")[1]
    missing = [o for o in re.findall(r"--[a-z-]+", start.group(2)) if o not in usage]
    t.ok(not missing, "and options that it has", missing)
    with open(f"{at}/etc/gpuvm/gpuvmd.env", encoding="ascii") as f:
        unknown = [v for v in re.findall(r"^#?([A-Z_]+)=", f.read(), re.M) if f"{{{v}}}" not in unit and f"${v}" not in unit]
    t.ok(not unknown, "its environment file sets what it uses", unknown)
    if not shutil.which("systemd-analyze"):
        t.skip("systemd finds nothing wrong with the unit", "no systemd-analyze")
        return
    # At its final place the daemon is not there: the copy names it where it is.
    write(f"{at}/gpuvmd.service", unit.replace("/opt/gpuvm", f"{at}/opt/gpuvm"))
    code, out, err = run("systemd-analyze", "verify", "--man=no", f"{at}/gpuvmd.service")
    about_it = [x for x in (out + err).splitlines() if "gpuvmd" in x]
    t.ok(not about_it, "systemd finds nothing wrong with the unit", out + err)


def installed(at):
    def make(target):
        # Not one of the make that runs the tests, nor with its options.
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        # What was built is what is installed: a sanitizer build has no library to load before programs.
        san = [] if os.path.exists(f"{BUILD}/lib/libgpuvm-drm.so") else ["SAN=1", "CC=clang"]
        return subprocess.run(["make", "-s", "-C", ROOT, f"O={BUILD}", *san, target, f"DESTDIR={at}",
                               "PREFIX=/opt/gpuvm"], env=env, check=False, capture_output=True, text=True)

    r = make("install")
    top = f"{at}/opt/gpuvm"
    if not t.ok(r.returncode == 0, "make install", r.stdout + r.stderr):
        return
    for path in ("bin/gpuvmd", "bin/gpuvm", "bin/gpuvm-copy", "lib/systemd/system/gpuvmd.service",
                 "share/doc/gpuvm/xen.md", "share/doc/gpuvm/example.conf", "share/doc/gpuvm/LICENSE"):
        t.ok(os.path.exists(f"{top}/{path}"), f"installs {path}")
    check_unit(at, f"{top}/lib/systemd/system/gpuvmd.service")
    data = make_file(at, "data", 100000)
    code, out, err = run(f"{top}/bin/gpuvm", "run", "--private", "--mode", "full", "--", f"{top}/bin/gpuvm-copy", data)
    t.ok(code == 0, "an installed gpuvm runs an installed program", out + err)
    # The example that it installs is one.
    shutil.copy(f"{top}/share/doc/gpuvm/example.conf", f"{at}/etc/gpuvm/domains.d/guest.conf")
    d = Daemon("--domains", f"{at}/etc/gpuvm/domains.d")
    t.ok(lines(d, "1 domains configured"), "the example is a domain's file", d.text())
    t.ok(d.stop() == 0, "the daemon ends")
    write(f"{at}/etc/gpuvm/gpuvmd.env", "GPUVMD_GPU=sim:vram=2G\n")
    r = make("install")
    with open(f"{at}/etc/gpuvm/gpuvmd.env", encoding="ascii") as f:
        t.ok(r.returncode == 0 and "2G" in f.read(), "installing again leaves the administrator's file", r.stderr)
    r = make("uninstall")
    left = [f for _, _, files in os.walk(top) for f in files]
    t.ok(r.returncode == 0 and not left and os.path.exists(f"{at}/etc/gpuvm/domains.d/guest.conf"),
         "uninstalling takes all but what the administrator wrote", left)


# In a /run of its own: the system's daemon is where a session has none.
SYSTEM_DAEMON = """
mount -t tmpfs run /run && mkdir %(at)s/session %(at)s/empty || exit 77
for path in /run/gpuvm.sock %(at)s/session/gpuvm.sock; do
	%(gpuvmd)s --gpu sim:vram=$([ $path = /run/gpuvm.sock ] && echo 1G || echo 512M) --socket $path --ready-fd 3 3>%(at)s/fifo &
	head -c 1 %(at)s/fifo >%(at)s/ready
done
for dir in empty session; do
	XDG_RUNTIME_DIR=%(at)s/$dir %(gpuvm)s list
	XDG_RUNTIME_DIR=%(at)s/$dir %(gpuvm)s stop
done
wait
"""


def default_socket(at):
    if os.geteuid() or not shutil.which("unshare"):
        t.skip("the default socket", "a mount namespace wants root")
        return
    os.mkfifo(f"{at}/fifo")
    env = {k: v for k, v in os.environ.items() if k not in ("GPUVM_SOCKET", "XDG_RUNTIME_DIR")}
    script = SYSTEM_DAEMON % {"at": at, "gpuvmd": prog("gpuvmd"), "gpuvm": GPUVM}
    code, out, err = run("unshare", "-m", "--propagation", "private", "sh", "-c", script, env=env)
    if "unshare" in err or code == 77:
        t.skip("the default socket", err)
        return
    seen = re.findall(r"M of (\S+) VRAM", out)
    t.ok(code == 0 and seen == ["1G", "512M"], "gpuvm finds the session's daemon, else the system's", out + err)


# Whoever runs this may ignore it (nohup), and then so would the daemon.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
for part in (service, others, default_socket, installed):
    with tempfile.TemporaryDirectory(prefix="gpuvm-test-") as folder:
        part(folder)
t.end()
