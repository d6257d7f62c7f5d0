"""Real servers for the tests: Debian's PostgreSQL and RabbitMQ, on free loopback ports.

Each lives in a temporary folder, is started by the test and ended by its own process id. Where one
is not installed its tests are skipped, or fail where AISLE_SERVERS=required, as `.ci/run` sets it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

PASSWORD = "s3cret-of-the-test"
LONGEST_WAIT_SECONDS = 300
_PORTS = range(12_000, 32_000)


def missing(reason: str) -> NoReturn:
    """Skip a test whose server cannot be had; fail it where all are required."""
    if os.environ.get("AISLE_SERVERS") == "required":
        pytest.fail(f"AISLE_SERVERS=required, but {reason}", pytrace=False)
    pytest.skip(reason)


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Give a folder that the servers' own users can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="aisle-servers-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a port that nobody has, below those which the kernel gives to whoever asks for any.

    It is taken only later: one of the kernel's could be another's by then.
    """
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(
    is_true: Callable[[], bool], what: str, seconds: float = LONGEST_WAIT_SECONDS
) -> None:
    """Look until it is true; fail after so many seconds, which are many: machines may be busy."""
    last = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < last, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def _user(name: str) -> str | None:
    """Return whom to run a server as that refuses root."""
    if os.geteuid():
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_name
    return None


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Postgres:
    """PostgreSQL, stopped and started at will; `url` is of SQLAlchemy."""

    def __init__(self, folder: Path, binaries: Path, *, durable: bool = False) -> None:
        self.folder, self._bin, self._user = folder, binaries, _user("postgres")
        self._durable = durable
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        if self._user:
            shutil.chown(folder, self._user)
        (folder.parent / "password").write_text(PASSWORD)
        made = [binaries / "initdb", "-D", folder / "data", "-U", "shop", "-A", "scram-sha-256"]
        made += ["--pwfile", folder.parent / "password", "-E", "UTF8", "--no-sync"]
        self._run([str(word) for word in made])

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    @property
    def dsn(self) -> str:
        return self.url.replace("+psycopg", "")

    def start(self) -> None:
        words = [self._bin / "postgres", "-D", self.folder / "data", "-p", self.port]
        words += ["-c", "listen_addresses=127.0.0.1", "-k", self.folder]
        words += ["-c", f"fsync={'on' if self._durable else 'off'}", "-c", "max_wal_size=4GB"]
        log = open(self.folder.parent / "postgres.log", "ab")  # noqa: SIM115  the server's own
        self._process = subprocess.Popen(
            [str(word) for word in words], stdout=log, stderr=log, user=self._user, cwd="/"
        )
        log.close()
        wait_until(self._is_up, "PostgreSQL starts")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends all connections at once, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(LONGEST_WAIT_SECONDS)
            self._process = None

    def _is_up(self) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn):
            return True
        return False

    def _run(self, words: list[str]) -> None:
        subprocess.run(words, check=True, capture_output=True, user=self._user, cwd="/")


def postgres(folder: Path, *, durable: bool = False) -> Iterator[Postgres]:
    """Give a started PostgreSQL 15, or skip; a folder that its user can reach.

    `durable` waits for the disk as a server of one's own would; tests have no use for that.
    """
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    if not found:
        missing("PostgreSQL is not installed: apt-get install postgresql")
    if not os.geteuid() and _user("postgres") is None:
        missing("PostgreSQL does not run as root, and there is no user postgres")
    server = Postgres(folder / "postgres", Path(found[-1]).parent, durable=durable)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Rabbit:
    """RabbitMQ on one node of its own, without Erlang's port mapper daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self._epmd = folder, free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _user("rabbitmq")
        folder.mkdir(parents=True)
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"default_user = shop\ndefault_pass = {PASSWORD}\nlog.console = true\n"
            "disk_free_limit.absolute = 10MB\n"
        )
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / ".erlang.cookie").write_text("aisle")
        (folder / ".erlang.cookie").chmod(0o400)
        if self._user:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, self._user)

    @property
    def url(self) -> str:
        return f"amqp://shop:{PASSWORD}@127.0.0.1:{self.port}/%2F"

    def start(self) -> None:
        log = open(self.folder.parent / "rabbitmq.log", "ab")  # noqa: SIM115  the server's own
        home = next(iter(glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin")))
        self._process = subprocess.Popen(
            [f"{home}/rabbitmq-server"],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            user=self._user,
            cwd=self.folder,
            env=self._environment(),
            start_new_session=True,
        )
        log.close()
        wait_until(lambda: answers(self.port), "RabbitMQ starts")

    def stop(self) -> None:
        """End its own process group."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(LONGEST_WAIT_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None
            names = {"ERL_EPMD_PORT": str(self._epmd), "PATH": os.environ["PATH"]}
            subprocess.run(["epmd", "-kill"], env=names, capture_output=True, check=False)

    def _environment(self) -> dict[str, str]:
        distribution = free_port()
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"aisle{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_SERVER_START_ARGS": "",
            "LANG": "C.UTF-8",
        }


def rabbit(folder: Path) -> Iterator[Rabbit]:
    """Give a started RabbitMQ, or skip."""
    if not glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"):
        missing("RabbitMQ is not installed: apt-get install rabbitmq-server")
    server = Rabbit(folder / "rabbit")
    server.start()
    try:
        yield server
    finally:
        server.stop()
