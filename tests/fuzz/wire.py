"""Bytes to the server and an answer back, whatever the bytes are."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.fuzz.place import HOST
from tests.fuzz.promises import Answer

# An answer is promised within 10 s. On a busy machine what counts is that there is one: this much later there is none.
PATIENCE = 30.0
_BLOCK = 1 << 16


class Hang(Exception):
    """There was no answer in all that time."""


class NoAnswer(Exception):
    """The server hung up without a word."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The bytes of one request. ``pauses``: seconds before each further piece; ``ends``: no more follows."""

    pieces: tuple[bytes, ...]
    method: str = "GET"
    pause: float = 0.0
    ends: bool = False

    @property
    def raw(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


@dataclass(slots=True)
class Wire:
    """One connection that is kept alive as long as the server likes; not for several threads at once."""

    port: int
    _socket: socket.socket | None = field(default=None, init=False)

    def send(self, parcel: Parcel) -> Answer:
        """The answer to it. What a kept connection swallows is sent once more on a new one.

        :raises Hang: none came.
        :raises NoAnswer: the server closed a new connection without one.
        """
        fresh = self._socket is None or parcel.ends or len(parcel.pieces) > 1
        if fresh:
            self.close()
        try:
            return self._exchange(parcel)
        except NoAnswer:
            if fresh:
                raise
            return self._exchange(parcel)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, parcel: Parcel) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self.port), timeout=PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cut = self._give(self._socket, parcel)
        try:
            answer, keeps = _read(self._socket, parcel.method)
        except TimeoutError as error:
            self.close()
            raise Hang from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(type(error).__name__) from error
        if cut or not keeps or parcel.ends:
            self.close()
        return answer

    @staticmethod
    def _give(wire: socket.socket, parcel: Parcel) -> bool:
        """Whether the server did not want to hear all of it: it may refuse before the end, and then we listen."""
        try:
            for number, piece in enumerate(parcel.pieces):
                if number:
                    time.sleep(parcel.pause)
                wire.sendall(piece)
            if parcel.ends:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            return True
        return False


def _read(wire: socket.socket, method: str) -> tuple[Answer, bool]:
    response = http.client.HTTPResponse(wire, method=method)
    try:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        body = b"".join(_blocks(response))
        return Answer(response.status, headers, body), not response.will_close
    finally:
        response.close()


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while block := response.read(_BLOCK):
        yield block
