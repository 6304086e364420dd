"""A kernel that a warm process forks; Jupyter treats it as one that it has started itself."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
from importlib.metadata import EntryPoint
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from traitlets import Float, List

NAME = "press-forked"
ANSWER = 64  # bytes, at most


class Forked:
    """What `LocalProvisioner` uses of a `subprocess.Popen`, for a process whose parent is the warm one.

    Args:
        warm: the connection to the warm process, which reports how the kernel ended.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, warm: socket.socket):
        self.pid, self.warm = pid, warm
        self.returncode: int | None = None
        self.abandoned = False  # the warm process died, and the kernel with it

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; raises what Popen raises."""
        if self.returncode is None:
            if not select.select([self.warm], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(NAME, timeout)
            told = _answer(self.warm, "ended")
            self.abandoned = told is None
            self.returncode = -signal.SIGKILL if told is None else told
        return self.returncode

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send it, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _answer(warm: socket.socket, kind: str) -> int | None:
    try:
        told, _, number = warm.recv(ANSWER).decode().partition(" ")
    except OSError:
        return None
    return int(number) if told == kind else None


class ForkedProvisioner(LocalProvisioner):
    """Has the kernel forked, or starts it as usual where no warm process answers."""

    sockets = List(config=True, help="where warm processes listen, the best one first")
    forked: Forked | None = None
    patience = Float(config=True, help="seconds to wait for one that still imports")

    @property
    def abandoned(self) -> bool:
        """Whether the kernel was forked and has ended because the warm process did."""
        return self.forked is not None and self.forked.abandoned

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Launch it; returns how to connect."""
        request = json.dumps({"command": cmd, "environment": kwargs["env"], "cwd": str(kwargs["cwd"])}).encode()
        for address in self.sockets:
            warm = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            warm.settimeout(self.patience)
            try:
                warm.connect(address)
                warm.sendall(request)
                pid = _answer(warm, "kernel")
            except OSError:
                pid = None
            if pid:
                self.process = self.forked = Forked(pid, warm)
                self.pid, self.pgid, self.cwd = pid, pid, kwargs["cwd"]
                return self.connection_info
            warm.close()
        return await super().launch_kernel(cmd, **kwargs)


def provisioner(sockets: tuple[str, ...], patience: float) -> dict[str, Any]:
    """The metadata of a kernel that is to be forked by one of these."""
    known = KernelProvisionerFactory.instance().provisioners
    known[NAME] = EntryPoint(NAME, f"{__name__}:{ForkedProvisioner.__name__}", KernelProvisionerFactory.GROUP_NAME)
    return {"kernel_provisioner": {"provisioner_name": NAME, "config": {"sockets": sockets, "patience": patience}}}
