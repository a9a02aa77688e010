"""Hosts on one machine: each has a network, a hostname, a /tmp, a user and a home of its own.

A host is a set of namespaces (network, mounts, hostname) that one sleeping process holds. All of
them lie in the namespaces of the program that made them: when it ends, however it ends, the kernel
ends every process, link and mount of theirs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from recsys_tasks.config import PROJECT_ROOT as ROOT

NETWORK = "10.77.0"
OUTSIDE = f"{NETWORK}.254"
"""Where hosts find the program that made them."""
IMAGE, HOME = "/opt/nightshelf", "/var/lib/nightshelf"
"""Where the image has the program, and a host its home."""
_NEW = ["--net", "--mount", "--uts", "--propagation", "private"]
_END_SECONDS = 20.0


def until(condition: Callable[[], object], seconds: float, what: Callable[[], str]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.3)


def own_namespaces() -> None:
    """Go on in namespaces of one's own, as root, whose end is the end of everything in them."""
    if os.environ.get("NIGHTSHELF_CLUSTER") == "inside":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    os.environ["NIGHTSHELF_CLUSTER"] = "inside"
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *_NEW]
    os.execvp("unshare", [*words, sys.executable, *sys.orig_argv[1:]])


def why_not() -> str:
    """Why no hosts can be made here; empty where they can."""
    tried = subprocess.run(["unshare", *_NEW, "true"], capture_output=True, text=True, check=False)
    if os.getuid() or tried.returncode:
        return f"needs root and the right to make namespaces {tried.stderr.strip()}"
    for program, package in (("ip", "iproute2"), ("redis-server", "redis-server")):
        if subprocess.run(["which", program], capture_output=True, check=False).returncode:
            return f"{program} is missing: apt-get install {package}"
    return ""


class Host:
    """A machine of the cluster, and what runs on it. Its home is `folder/home`, of mode 0700."""

    def __init__(self, name: str, number: int, folder: Path) -> None:
        self.name, self.address = name, f"{NETWORK}.{number}"
        self.uid, self.folder = 50_000 + number, folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for part in ("home", "logs"):
            (folder / part).mkdir(parents=True)
            os.chown(folder / part, self.uid, self.uid)
        (folder / "home").chmod(0o700)
        wait = f"hostname {name} && exec sleep infinity"
        self._holder = subprocess.Popen(["unshare", *_NEW, "sh", "-c", wait])
        ours = Path("/proc/self/ns/net").readlink()
        until(lambda: self._namespace() != str(ours), 10, lambda: f"{name} was not made")

    def _namespace(self) -> str:
        return str(Path(f"/proc/{self._holder.pid}/ns/net").readlink())

    def inside(self, command: Sequence[str], *, root: bool = False) -> list[str]:
        """A command as this host's user runs it."""
        place = ["nsenter", "--target", f"{self._holder.pid}", "--net", "--mount", "--uts"]
        if root:
            return [*place, *command]
        who = ["--reuid", f"{self.uid}", "--regid", f"{self.uid}", "--clear-groups"]
        return [*place, f"--wdns={IMAGE}", "setpriv", *who, "--no-new-privs", *command]

    def run(
        self, command: Sequence[str], environment: Mapping[str, str] = {}, *, root: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; it sees no other variables than these."""
        return subprocess.run(
            self.inside(command, root=root),
            env=self.environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a service; its output is appended to `folder/logs/NAME.log`."""
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.inside(command),
                env=self.environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Variables of a process of this host: the image's and those of its service."""
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        return {"PATH": path, "HOME": "/tmp", "LANG": "C.UTF-8", "HOSTNAME": self.name, **given}

    def log(self, name: str, lines: int = 40) -> str:
        """The last lines that a service wrote."""
        text = (self.folder / "logs" / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def kill(self) -> int:
        """KILL every process of this host's user; how many there were."""
        mine = [p for p in psutil.process_iter(["uids"]) if p.info["uids"].real == self.uid]
        for process in mine:
            process.kill()
        for service in self.running.values():
            service.wait()
        return len(mine)

    def stop(self) -> None:
        """End what runs here, the last one first."""
        for process in reversed(self.running.values()):
            process.terminate()
        deadline = time.monotonic() + _END_SECONDS
        for process in self.running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        self._holder.kill()
        self._holder.wait()


def connect(hosts: Sequence[Host], names: Mapping[str, Host], spare: Path) -> None:
    """Give each host its link, its names of the others and its own view of the disk.

    `spare`: a folder for what is put in the place of /etc/hosts and of an interpreter that only
    root may read.
    """
    _ip("link", "add", "hosts", "type", "bridge")
    _ip("addr", "add", f"{OUTSIDE}/24", "dev", "hosts")
    _ip("link", "set", "hosts", "up")
    lines = ["127.0.0.1 localhost"] + [f"{host.address} {name}" for name, host in names.items()]
    (spare / "hosts").write_text("\n".join(lines) + "\n")
    _run(["mount", "--bind", str(spare / "hosts"), "/etc/hosts"])
    (spare / "python").mkdir()
    for host in hosts:
        _link(host)
        done = host.run(["sh", "-euc", _disk(host, spare)], root=True)
        assert done.returncode == 0, done.stderr


def _link(host: Host) -> None:
    holder = host.inside([], root=True)[2]
    end = f"to-{host.name}"[:15]
    _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", holder)
    _ip("link", "set", end, "master", "hosts", "up")
    for words in (
        ["addr", "add", f"{host.address}/24", "dev", "eth0"],
        ["link", "set", "eth0", "up"],
        ["link", "set", "lo", "up"],
    ):
        done = host.run(["ip", *words], root=True)
        assert done.returncode == 0, done.stderr


def _disk(host: Host, spare: Path) -> str:
    """The script that makes a host's view of the disk."""
    closed = _closed_folder(Path(sys.base_prefix))
    known = Path("/etc/passwd").read_text() + f"nightshelf:x:{host.uid}:{host.uid}::/tmp:/bin/sh\n"
    (spare / f"passwd-{host.name}").write_text(known)
    lines = [
        f"mount --bind {spare}/hosts /etc/hosts",
        f"mount --bind {spare}/passwd-{host.name} /etc/passwd",
    ]
    if closed is not None:
        lines += [
            f"mount --bind {sys.base_prefix} {spare}/python",
            f"mount -t tmpfs -o mode=755 own {closed}",
            f"mkdir -p {sys.base_prefix}",
            f"mount --bind {spare}/python {sys.base_prefix}",
        ]
    return "\n".join(
        [
            *lines,
            "mount -t tmpfs -o mode=755 own /opt",
            f"mkdir {IMAGE} && mount --bind {ROOT} {IMAGE} && mount -o remount,bind,ro {IMAGE}",
            "mount -t tmpfs -o mode=755 own /var/lib",
            f"mkdir {HOME} && mount --bind {host.folder}/home {HOME}",
            *(f"mount -t tmpfs -o mode=1777 own {place}" for place in ("/dev/shm", "/tmp")),
        ]
    )


def _closed_folder(path: Path) -> Path | None:
    """The outermost folder above a path that only its owner may pass."""
    above = [*reversed(path.parents), path]
    return next((folder for folder in above if not folder.stat().st_mode & 0o001), None)


def _ip(*words: str) -> None:
    _run(["ip", *words])


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True)
