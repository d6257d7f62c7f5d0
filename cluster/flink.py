"""A real Flink cluster on loopback: a job manager, task managers, a job server, Python workers.

Each is a process of its own, started here and ended by its own process id.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
LONGEST_START_SECONDS = 120
_OPENED = "lang util lang.reflect text time net io nio util.concurrent util.concurrent.atomic"
_JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
_JAVA += ["-Dorg.slf4j.simpleLogger.showDateTime=true"]
_JAVA += [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED.split()]
_JAVA += ["--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"]
_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_JOB_SERVER = str(Path(__file__).with_name("JobServer.java"))

# What a task manager may take, MiB. The Python workers are processes of their own.
TASK_MANAGER_MEMORY = {
    "task.heap": 1024,
    "task.off-heap": 512,
    "framework.heap": 128,
    "framework.off-heap": 128,
    "network": 192,
    "managed": 1024,
    "jvm-metaspace": 160,
    "jvm-overhead": 64,
}


def free_ports(count: int) -> list[int]:
    """Return as many free ports on loopback."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class FlinkCluster:
    """Flink with `task_managers` of two slots, Beam's job server, and a pool of Python workers.

    `settings` are laid over Flink's own, `memory` over `TASK_MANAGER_MEMORY`; `pool` is the port of
    workers that are there already. Logs lie in `folder`.
    """

    def __init__(
        self,
        folder: Path,
        jars: Sequence[Path],
        *,
        task_managers: int = 2,
        rest_port: int | None = None,
        settings: Mapping[str, Any] | None = None,
        memory: Mapping[str, int] | None = None,
        pool: int | None = None,
    ) -> None:
        self.folder, self._count = folder, task_managers
        self._java = [*_JAVA, "-cp", ":".join(map(str, jars))]
        ports = free_ports(5)
        self._rpc, self._job, self._artifacts, own_pool, free = ports
        self.pool, self._has_pool = pool or own_pool, pool is not None
        self._rest = rest_port or free
        self._settings, self._memory = (
            dict(settings or {}),
            {**TASK_MANAGER_MEMORY, **(memory or {})},
        )
        self.task_managers: list[subprocess.Popen[bytes]] = []
        self._started = 0
        self._others: list[subprocess.Popen[bytes]] = []

    @property
    def web(self) -> str:
        return f"http://{HOST}:{self._rest}"

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that were started here; the Python workers are below them."""
        return [process.pid for process in (*self.task_managers, *self._others)]

    def options(self, parallelism: int | None = None) -> list[str]:
        """Return what stands behind `--` to run a command here."""
        return [
            "--runner=FlinkRunner",
            f"--flink_master={HOST}:{self._rest}",
            f"--job_endpoint={HOST}:{self._job}",
            "--environment_type=EXTERNAL",
            f"--environment_config={HOST}:{self.pool}",
            f"--parallelism={parallelism or self._count}",
        ]

    def __enter__(self) -> FlinkCluster:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start every process and wait until all task managers have said hello."""
        self._write_settings()
        config = ["--configDir", str(self.folder)]
        self._others.append(self._run_java("job-manager", "-Xmx512m", _JOB_MANAGER, *config))
        if not self._has_pool:
            self._others.append(self._start_pool())
        for _ in range(self._count):
            self.start_task_manager()
        server = ["--flink-master", f"{HOST}:{self._rest}", "--job-host", HOST]
        server += ["--job-port", str(self._job), "--artifact-port", str(self._artifacts)]
        server += ["--expansion-port", "-1", "--artifacts-dir", str(self.folder / "staged")]
        server += ["--flink-conf-dir", str(self.folder)]
        self._others.append(self._run_java("job-server", "-Xmx512m", _JOB_SERVER, *server))
        self._wait(lambda: self.overview().get("taskmanagers") == self._count, "task managers")
        for port in (self._job, self.pool):
            self._wait(lambda port=port: _answers(port), f"port {port}")

    def start_task_manager(self) -> subprocess.Popen[bytes]:
        """Start one more task manager."""
        number, memory = self._started, self._memory
        self._started += 1
        heap = memory["task.heap"] + memory["framework.heap"]
        direct = memory["task.off-heap"] + memory["framework.off-heap"] + memory["network"]
        settings = {f"taskmanager.memory.{name}.size": f"{size}m" for name, size in memory.items()}
        for name in ("network", "jvm-overhead"):
            size = settings.pop(f"taskmanager.memory.{name}.size")
            settings |= {f"taskmanager.memory.{name}.{end}": size for end in ("min", "max")}
        settings |= {
            "taskmanager.memory.process.size": f"{sum(memory.values())}m",
            "taskmanager.cpu.cores": "1.0",
            "taskmanager.resource-id": f"task-manager-{number}",
        }
        words = [f"-Xmx{heap}m", f"-XX:MaxDirectMemorySize={direct}m"]
        words += [f"-XX:MaxMetaspaceSize={memory['jvm-metaspace']}m", _TASK_MANAGER]
        words += ["--configDir", str(self.folder)]
        words += [word for key, value in settings.items() for word in ("-D", f"{key}={value}")]
        process = self._run_java(f"task-manager-{number}", *words)
        self.task_managers.append(process)
        return process

    def add_task_manager(self) -> None:
        """Start one more task manager and wait until Flink knows it."""
        before = self.overview().get("taskmanagers", 0)
        self.start_task_manager()
        self._wait(lambda: self.overview().get("taskmanagers", 0) > before, "task manager")

    def kill_task_manager(self) -> None:
        """Kill the task manager that was started last (SIGKILL)."""
        process = self.task_managers.pop()
        process.kill()
        process.wait()

    def jobs(self) -> list[dict[str, Any]]:
        """Return what Flink says of the jobs that it has had."""
        return list(self.ask("/jobs/overview").get("jobs", []))

    def stop(self) -> None:
        """End every process that was started here."""
        processes = [*self.task_managers, *reversed(self._others)]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def overview(self) -> dict[str, Any]:
        """Return what Flink says of itself; nothing while it does not answer."""
        found: dict[str, Any] = self.ask("/overview")
        return found

    def ask(self, path: str) -> Any:
        """Return what Flink's REST API answers; nothing while it does not."""
        try:
            with urllib.request.urlopen(self.web + path, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return {}

    def _write_settings(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "tmp").mkdir(exist_ok=True)
        settings = {
            "jobmanager.rpc.address": HOST,
            "jobmanager.rpc.port": self._rpc,
            "jobmanager.bind-host": HOST,
            "taskmanager.host": HOST,
            "taskmanager.bind-host": HOST,
            "rest.address": HOST,
            "rest.bind-address": HOST,
            "rest.port": self._rest,
            "blob.storage.directory": self.folder / "blobs",
            "io.tmp.dirs": self.folder / "tmp",
            "web.tmpdir": self.folder / "web",
            "taskmanager.numberOfTaskSlots": 2,
            "cluster.registration.initial-timeout": 200,
            "cluster.evenly-spread-out-slots": True,
            "taskmanager.network.sort-shuffle.min-buffers": 64,
            "classloader.resolve-order": "parent-first",
            "classloader.check-leaked-classloader": False,
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 4,
            "restart-strategy.fixed-delay.delay": "3 s",
            "rest.retry.max-attempts": 5,
            "rest.retry.delay": 1000,
            "heartbeat.interval": 1000,
            "heartbeat.timeout": 30_000,
            **self._settings,
        }
        lines = [f"{key}: {json.dumps(value, default=str)}" for key, value in settings.items()]
        (self.folder / "config.yaml").write_text("\n".join(lines) + "\n")

    def _start_pool(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "pipelines.worker_pool", "--port", str(self.pool)]
        return self._run("workers", [*words, "--processes", str(self._count)])

    def _run_java(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        return self._run(name, [*self._java, *words])

    def _run(self, name: str, words: Sequence[str]) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).resolve().parents[1])
        environment = os.environ | {"PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}
        with open(self.folder / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def _wait(self, is_true: Any, what: str) -> None:
        last = time.monotonic() + LONGEST_START_SECONDS
        while not is_true():
            for process in (*self.task_managers, *self._others):
                if process.poll() is not None:
                    raise RuntimeError(f"Flink did not start; see the logs in {self.folder}")
            if time.monotonic() > last:
                raise RuntimeError(f"{what}: no answer; see the logs in {self.folder}")
            time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
