"""A real server of the Cloud Storage API for the tests, on a free loopback port."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from servers import answers, free_port, wait_until

HOST_VARIABLE = "STORAGE_EMULATOR_HOST"
BUCKET = "shop"


@contextlib.contextmanager
def storage_server(folder: Path) -> Iterator[str]:
    """Start `gcp-storage-emulator` with the bucket `shop` in a folder; give its address."""
    port = free_port()
    words = [sys.executable, "-m", "gcp_storage_emulator", "--data-dir", str(folder), "start"]
    words += ["--host", "127.0.0.1", "--port", str(port), "-q", "--default-bucket", BUCKET]
    folder.mkdir(parents=True)
    with open(f"{folder}.log", "ab") as log:
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(port), "the storage emulator starts")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@contextlib.contextmanager
def speaking_to(address: str) -> Iterator[None]:
    """Let the file layer speak to this server while the block runs."""
    from pipelines import cloud_storage

    before = os.environ.get(HOST_VARIABLE)
    os.environ[HOST_VARIABLE] = address
    cloud_storage._client.cache_clear()
    try:
        yield
    finally:
        cloud_storage._client.cache_clear()
        if before is None:
            del os.environ[HOST_VARIABLE]
        else:
            os.environ[HOST_VARIABLE] = before


class _ReadOnly(BaseHTTPRequestHandler):
    """Answers as Cloud Storage does to an account that may look, but not write."""

    def do_GET(self) -> None:
        self._answer(200, b'{"kind": "storage#objects", "items": []}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = b'{"error": {"code": 403, "message": "no storage.objects.create access"}}'
        self._answer(403, said)

    do_PUT = do_POST
    do_DELETE = do_POST

    def _answer(self, status: int, body: bytes) -> None:
        status = 404 if status == 200 and "/o/" in self.path else status
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def read_only_server() -> Iterator[str]:
    """Serve empty buckets in which nothing may be written; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ReadOnly)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
