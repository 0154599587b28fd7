"""What every request must be before it is looked at, and what every answer says to the browser."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024
"""Of a request's body; a reading has some hundred."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """ASGI application that refuses what no page of the review sends, each time in one line.

    Args:
        app: what answers the rest.
        scheme: ``http`` or ``https``.
        hosts: names that the server has, with the port.
    """

    def __init__(self, app: ASGIApp, scheme: str, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = set(hosts)
        self.origins = {f"{scheme}://{host}" for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":  # nothing else is served; uvicorn gets it so
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [
                    *message.get("headers", []),
                    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        if refused := self._refused(scope):
            await send_error(answer, *refused)
            return
        try:
            await self.app(scope, receive, answer)
        except Exception:
            log.exception("a request failed")
            if not started:
                await send_error(answer, 500, "this failed; the log of the review says why")

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason if a request comes from no page of the review."""
        found: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        host, origin = found.get("host", []), found.get("origin", [])
        if len(host) != 1 or host[0].lower() not in self.hosts:
            return 421, "this server has another name; open the link that it printed"
        if scope["method"] not in ("GET", "POST"):
            return 405, "only GET and POST are answered"
        if origin and (len(origin) != 1 or origin[0].lower() not in self.origins):
            return 403, "this comes from another page"
        if scope["method"] == "GET":
            foreign = found.get("sec-fetch-site", ["none"])[0] not in ("none", "same-origin")
            return (403, "this comes from another page") if foreign and scope["path"] != "/" else None
        if not origin:
            return 403, "this comes from another page"
        return self._refused_body(found)

    def _refused_body(self, found: dict[str, list[str]]) -> tuple[int, str] | None:
        length = found.get("content-length", [""])
        if (
            "transfer-encoding" in found
            or len(length) != 1
            or not length[0].isascii()
            or not length[0].isdigit()
        ):
            return 411, "this does not say how long it is"
        if int(length[0][:20]) > MOST_BYTES:
            return 413, f"this is longer than {MOST_BYTES // 1024} KB"
        if found.get("content-type", [""])[0].partition(";")[0].strip().lower() != "application/json":
            return 415, "this is no JSON"
        return None


async def send_error(send: Send, status: int, reason: str) -> None:
    """Answer with one line."""
    body = json.dumps({"error": reason}).encode()
    headers: list[Any] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status in (411, 413):  # what follows was not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
