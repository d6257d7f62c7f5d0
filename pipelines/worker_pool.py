"""A pool of Python workers for runners that start none themselves: `--environment_type=EXTERNAL`.

    python -m pipelines.worker_pool --port 50000 --processes 2

One on each machine of a cluster, beside its task managers. The processes load TensorFlow once and
serve one job after the other; each worker that a runner asks for lives on a thread of one of them.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from apache_beam.utils import thread_pool_executor

STATE_CACHE_BYTES = 100 << 20
LONGEST_START_SECONDS = 300


class WorkerProcess:
    """A process that runs workers on threads; started anew if it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._address = ""

    def stub(self) -> Any:
        """Return where to ask this process for a worker."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(
                grpc.insecure_channel(self._address)
            )

    def _start(self) -> None:
        words = [sys.executable, "-m", "pipelines.worker_pool", "--port", "0"]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._address = self._process.stdout.readline().strip()
        if not self._address:
            raise RuntimeError(f"{' '.join(words)} ended with status {self._process.wait()}")

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Dispatcher(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Hands the workers that are asked for to the processes in turn."""

    def __init__(self, processes: Sequence[WorkerProcess]) -> None:
        self._turns = itertools.cycle(processes)

    def StartWorker(self, request: Any, context: Any) -> Any:
        try:
            return next(self._turns).stub().StartWorker(request, timeout=LONGEST_START_SECONDS)
        except (grpc.RpcError, RuntimeError, OSError) as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=str(error))

    def StopWorker(self, request: Any, context: Any) -> Any:
        """Leave it to the worker, which ends when its runner hangs up.

        Task managers number their workers alike: the id does not tell whose worker is meant.
        """
        return beam_fn_api_pb2.StopWorkerResponse()


def serve_threads(port: int) -> None:
    """Run workers on threads of this process; the first line of output is where it listens."""
    from aisle.quiet import import_tensorflow

    import_tensorflow()
    import pipelines.batch_predict
    import pipelines.preprocess_pipeline  # noqa: F401  loads what every worker needs

    address, _ = BeamFnExternalWorkerPoolServicer.start(
        port=port, state_cache_size=STATE_CACHE_BYTES
    )
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    threading.Event().wait()


def serve(port: int, count: int) -> None:
    """Run `count` processes of workers behind one port, until this process is told to end."""
    processes = [WorkerProcess() for _ in range(count)]
    server = grpc.server(thread_pool_executor.shared_unbounded_instance())
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(
        Dispatcher(processes), server
    )
    try:
        for process in processes:
            process.stub()
        if not server.add_insecure_port(f"127.0.0.1:{port}"):
            raise SystemExit(f"--port {port}: cannot be listened on; name another")
        server.start()
        threading.Event().wait()
    finally:
        for process in processes:
            process.stop()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--port", type=int, required=True, help="where to listen; 0: any")
    parser.add_argument("--processes", type=int, default=0, help="0: threads of this process alone")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if given.processes:
        serve(given.port, given.processes)
    else:
        serve_threads(given.port)


if __name__ == "__main__":
    main()
