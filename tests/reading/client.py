"""Requests to the application in this process, without a socket."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("starlette")

from livergrade.config.schema import DataConfig, ReviewConfig
from livergrade.reading.app import Server
from livergrade.reading.begin import begin
from livergrade.reading.store import Store
from tests.conftest import draw_image

HOST = "127.0.0.1:8765"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    app: Any,
    path: str,
    sent: object = None,
    *,
    method: str | None = None,
    cookie: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """One request, as the page sends it but for what is given; a header that is empty is left out."""
    content = json.dumps(sent).encode() if body is None else body
    posted = sent is not None or body is not None
    told = {"host": HOST, "cookie": cookie}
    if posted:
        told |= {
            "origin": f"http://{HOST}",
            "content-type": "application/json",
            "content-length": str(len(content)),
        }
    told |= headers or {}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method or ("POST" if posted else "GET"),
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in told.items() if value],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
    }
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    asyncio.run(app(scope, receive, send))
    start, *rest = messages
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in rest),
    )


def enter(app: Any, token: str) -> str:
    """The cookie of a reader's session."""
    return ask(app, "/session", {"token": token}).headers["set-cookie"].partition(";")[0]


def write_images(folder: Path, count: int = 4) -> Path:
    """A table of images whose grades are not known yet, two of a patient."""
    rows = []
    for number in range(count):
        draw_image(folder / f"i{number}.png", number, number % 3, (20, 18))
        rows.append((f"i{number}.png", f"P{number // 2}", "0.5"))
    table = folder / "images.csv"
    pd.DataFrame(rows, columns=["image", "patient", "mpp"]).to_csv(table, index=False)
    return table


def options(table: Path | None, readers: tuple[str, ...] = ("anna", "ben"), **more: Any) -> ReviewConfig:
    data = DataConfig(name="manifest" if table else "", manifest=str(table) if table else None)
    return ReviewConfig(data=data, readers=list(readers), **more)


def started(folder: Path, config: ReviewConfig | None = None) -> tuple[Store, Any, dict[str, str]]:
    """A review, its application, and a cookie for each reader."""
    out = folder / "review"
    out.mkdir(exist_ok=True)
    store = begin(config or options(write_images(folder)), out)
    tokens = {f"token-{reader}": reader for reader in store.facts["readers"]}
    app = Server(store, dict(tokens), secure=False).app([HOST])
    return store, app, {reader: enter(app, token) for token, reader in tokens.items()}


def reading(number: int, place: int, choice: str = "poor", **more: Any) -> dict[str, Any]:
    """A reading as the page sends it."""
    excluded = choice not in ("poor", "moderate", "well", "keep")
    sent = {"id": f"{number:032x}", "place": place, "choice": choice, "excluded": excluded}
    return sent | {"confidence": None, "seconds": 1.5, "comment": ""} | more
