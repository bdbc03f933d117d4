"""Newline-delimited JSON in and out, one document a line, whatever the size of the whole.

The body is first written to a temporary file and only then worked on: a caller that sends everything before
it reads anything can never block us, and no transaction is open while it sends. The answer is streamed. One
such request runs at a time in a process; another is asked to come back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import IO

from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from loyalty_api.documents import LONGEST_LINE
from loyalty_api.errors import Invalid, TooMany
from loyalty_api.http import WrongContentType

MEDIA_TYPE = "application/x-ndjson"

_IN_MEMORY = 1 << 20
_BLOCK = 1 << 16


class BatchRunning(TooMany):
    """This process works on another batch: batches take turns, so that tills are still answered."""

    code, title = "batch_running", "Another batch is being worked on"


class BodyCutShort(Invalid):
    """The connection ended before the announced length was there."""

    code, title, status = "body_cut_short", "The body ended too early", 400


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may hold, in bytes and in lines."""

    size: int
    lines: int


_taking_turns = Lock()


class Body:
    """The present request's body as lines, on disk. Close it: until then no other batch may run here.

    :raises WrongContentType: it is not sent as ``application/x-ndjson``.
    :raises BatchRunning: another one is open in this process.
    """

    def __init__(self, limits: Limits, *, longest_line: int = LONGEST_LINE) -> None:
        if request.mimetype != MEDIA_TYPE:
            raise WrongContentType(f"Send one JSON document a line, as {MEDIA_TYPE}.")
        if not _taking_turns.acquire(blocking=False):
            raise BatchRunning(retry_after=2)
        self._open = True
        self._longest = longest_line
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - close() does
        try:
            self._receive(limits)
        except BaseException:
            self.close()
            raise

    def _receive(self, limits: Limits) -> None:
        # One byte more than allowed is let in, so that we see an excess that arrives without a stated length.
        request.max_content_length = limits.size + 1
        size = lines = 0
        while block := request.stream.read(_BLOCK):
            size += len(block)
            lines += block.count(b"\n")
            if size > limits.size or lines > limits.lines:
                raise RequestEntityTooLarge(
                    f"At most {limits.lines} lines and {limits.size} bytes a request."
                )
            self._file.write(block)
        if request.content_length is not None and size < request.content_length:
            raise BodyCutShort
        self._file.seek(0)

    def lines(self) -> Iterator[bytes]:
        """The lines that are not blank; of one that is too long only its beginning (``parse`` refuses it)."""
        while line := self._file.readline(self._longest + 1):
            end = line
            while end and not end.endswith(b"\n"):
                end = self._file.readline(_BLOCK)
            if line.strip():
                yield line

    def close(self) -> None:
        """Let the file go, and the next batch begin."""
        if self._open:
            self._open = False
            self._file.close()
            _taking_turns.release()


def answer(body: Body, work: Iterator[bytes]) -> Response:
    """What ``work`` yields as a streamed answer; ``body`` is closed with it.

    The first piece is made before the status is sent, so that a database that is away is still a 503. An
    answer that breaks off later has fewer lines than were sent: the caller sends the rest again.
    """
    try:
        first = next(work, b"")
    except BaseException:
        body.close()
        raise
    response = Response(_then_close(body, chain((first,), work)), mimetype=MEDIA_TYPE)
    # An answer that nobody begins to read never runs the generator, so the response closes the body as well.
    response.call_on_close(body.close)
    return response


def _then_close(body: Body, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        body.close()
