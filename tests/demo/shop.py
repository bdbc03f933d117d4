"""A stand-in for the API on a real socket: remembers what it was sent and misbehaves when told to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    path: str
    authorization: str
    key: str | None
    body: bytes


@dataclass(slots=True)
class Reply:
    """``drop`` hangs up instead of answering."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass(slots=True)
class Shop:
    """``answer`` says what to reply; ``faults`` are replied first, whatever is asked but a token."""

    answer: Callable[[Received], Reply]
    port: int = 0
    token_seconds: int = 600
    received: list[Received] = field(default_factory=list)
    faults: deque[Reply] = field(default_factory=deque)
    signed_in: int = 0
    knows_clients: bool = True

    def asked(self, path: str) -> list[Received]:
        return [request for request in self.received if request.path == path]

    def reply(self, request: Received) -> Reply:
        if request.path == "/oauth/token":
            if not self.knows_clients:
                return Reply(401, {"error": "invalid_client"})
            self.signed_in += 1
            token = f"token-{self.signed_in}"
            return Reply(body={"access_token": token, "expires_in": self.token_seconds})
        self.received.append(request)
        return self.faults.popleft() if self.faults else self.answer(request)


@contextmanager
def open_shop(answer: Callable[[Received], Reply]) -> Iterator[Shop]:
    shop = Shop(answer=answer)

    class Counter(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.serve()

        def do_PUT(self) -> None:
            self.serve()

        def do_GET(self) -> None:
            self.serve()

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            key, authorization = self.headers.get("Idempotency-Key"), self.headers.get("Authorization", "")
            reply = shop.reply(Received(self.command, self.path, authorization, key, body))
            if reply.drop:
                self.close_connection = True
                return
            sent = reply.body if isinstance(reply.body, bytes) else orjson.dumps(reply.body)
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    server.daemon_threads = True
    shop.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
