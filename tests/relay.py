"""A relay between a client and a server on loopback, which cuts their connections."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Passes bytes on in both directions; `cut` ends all connections, new ones are taken again.

    The first connection is cut when a client has sent so many bytes: in the middle, whoever of the
    two is the faster.
    """

    def __init__(self, target: int, cut_after: int) -> None:
        self._target, self._pairs = target, list[tuple[socket.socket, socket.socket]]()
        self._left = cut_after
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self.taken = 0
        threading.Thread(target=self._take, daemon=True).start()

    def cut(self) -> None:
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self.taken += 1
                self._pairs.append((client, server))
                for source, sink in ((client, server), (server, client)):
                    way = (source, sink, source is client)
                    threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
                if counted and self._left > 0:
                    self._left -= len(data)
                    if self._left <= 0:
                        self.cut()
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relay(target: int, cut_after: int) -> Iterator[Relay]:
    """Give a relay to a port of this machine."""
    opened = Relay(target, cut_after)
    try:
        yield opened
    finally:
        opened.close()
