"""A small TCP proxy that stands between the API and an engine, and can be told to misbehave."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

_RESET = struct.pack("ii", 1, 0)
# What PostgreSQL says when a COMMIT is done: CommandComplete with its tag.
COMMITTED = b"C\0\0\0\x0bCOMMIT\0"


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes everything on to ``upstream``, until it is told otherwise.

    ``upstream`` opens a new connection to the engine.
    """

    def __init__(self, upstream: Callable[[], socket.socket]) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._passing = threading.Event()
        self._passing.set()
        self._refusing = False
        self._lock = threading.Lock()
        self._to_lose = 0
        self.lost = 0
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()

    def be_silent(self) -> None:
        """Swallow everything, as a server that hangs does. Connections stay, and what was sent arrives late."""
        self._passing.clear()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._refusing = True
        self._break_all()

    def heal(self) -> None:
        """Pass everything on again."""
        self._refusing = False
        with self._lock:
            self._to_lose = 0
        self._passing.set()

    def lose_commits(self, number: int) -> None:
        """Break the next so many connections on which a COMMIT is answered, instead of passing the answer on."""
        with self._lock:
            self._to_lose, self.lost = number, 0

    def close(self) -> None:
        """Stop listening and break what is there."""
        self.cut()
        self._listener.close()
        self._passing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            if self._cut_off():
                raise ConnectionRefusedError
            server = self._upstream()
        except OSError:
            _reset(client)
            return
        pair = (client, server)
        with self._lock:
            self._pairs.add(pair)
        if self._cut_off():
            self._break(pair)
        threading.Thread(target=self._pump, args=(client, server, pair), daemon=True).start()
        self._pump(server, client, pair)

    def _cut_off(self) -> bool:
        # Another thread changes it at any moment.
        return self._refusing

    def _pump(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        answers = source is pair[1]
        try:
            while data := source.recv(1 << 16):
                self._passing.wait()
                if answers and COMMITTED in data and self._loses():
                    break
                sink.sendall(data)
        except OSError:
            pass
        self._break(pair)

    def _loses(self) -> bool:
        with self._lock:
            if self._to_lose <= 0:
                return False
            self._to_lose -= 1
            self.lost += 1
            return True

    def _break_all(self) -> None:
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._break(pair)

    def _break(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            _reset(end)


def _reset(end: socket.socket) -> None:
    """Close it the way a machine that has gone does, and wake whoever reads from it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def to_unix(path: str) -> Callable[[], socket.socket]:
    """How to reach an engine that listens on a Unix socket."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(path)
        except OSError:
            made.close()
            raise
        return made

    return connect
