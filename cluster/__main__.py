"""Start a Flink cluster on this machine and wait, or run one command on it.

python -m cluster                          until Ctrl-C
python -m cluster -- aisle preprocess …    until the command ends; it gets the options of Beam
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from cluster.flink import FlinkCluster
from cluster.jars import find_jars, write_lock
from configs.errors import UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the status of the command, or 0 after Ctrl-C; 2 where something is missing."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    own, command = (
        (words[: words.index("--")], words[words.index("--") + 1 :])
        if ("--" in words)
        else (words, [])
    )
    given = _parser().parse_args(own)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if given.lock or given.fetch:
            count = write_lock() if given.lock else len(find_jars())
            sys.stdout.write(f"{count} jars, as cluster/jars.lock names them\n")
            return 0
        return _serve(given, command)
    except UsageError as error:
        sys.stderr.write(f"cluster: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description="A Flink cluster here.")
    parser.add_argument("--task-managers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--port", type=int, default=8081, help="of the web page (default 8081)")
    parser.add_argument("--folder", type=Path, help="logs and settings (default: a temporary one)")
    parser.add_argument("--fetch", action="store_true", help="only fetch the jars")
    parser.add_argument("--lock", action="store_true", help="only pin the jars of pom.xml anew")
    return parser


def _serve(given: argparse.Namespace, command: Sequence[str]) -> int:
    jars = find_jars()
    with tempfile.TemporaryDirectory(prefix="aisle-flink-") as scratch:
        folder = (given.folder or Path(scratch)).resolve()
        sys.stderr.write(f"Starting Flink (logs in {folder})\n")
        cluster = FlinkCluster(
            folder, jars, task_managers=given.task_managers, rest_port=given.port
        )
        with cluster:
            sys.stderr.write(f"Flink's web page: {cluster.web}\n")
            if command:
                return _run(command, cluster.options())
            options = " ".join(cluster.options())
            sys.stdout.write(f"Run on it:\n  aisle preprocess … -- {options}\nCtrl-C ends it.\n")
            sys.stdout.flush()
            threading.Event().wait()
    return 0


def _run(command: Sequence[str], options: Sequence[str]) -> int:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    return subprocess.run([*command, "--", *options], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
