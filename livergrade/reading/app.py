"""The answers of the page's server: who reads, what comes next, and what was read."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livergrade.io.pixel_reading import PixelReading
from livergrade.reading.answers import (
    KEEP,
    NO_SHEET,
    SentDecision,
    SentReading,
    SentToken,
    SentUndo,
    checked,
    choices,
    decided,
    parse,
)
from livergrade.reading.guard import Guard
from livergrade.reading.pictures import picture, small_picture
from livergrade.reading.store import RefusedError, Store
from livergrade.reading.tiles import Tiles

PAGE = Path(__file__).with_name("page")
FILES = {
    "/": ("review.html", "text/html; charset=utf-8"),
    "/sheet.js": ("sheet.js", "text/javascript; charset=utf-8"),
    "/review.js": ("review.js", "text/javascript; charset=utf-8"),
    "/picture.js": ("picture.js", "text/javascript; charset=utf-8"),
    "/slide.js": ("slide.js", "text/javascript; charset=utf-8"),
    "/review.css": ("review.css", "text/css; charset=utf-8"),
    "/words.json": ("words.json", "application/json"),
}
"""Address → file of the package and its type; nothing else is read by name."""
VIEWER = "/openseadragon.js"
"""Where OpenSeadragon is, which is no file of the package."""
COOKIE = "livergrade_review"
"""Start of the name of a session's cookie; the review follows, as all ports of a host share cookies."""
REVIEW_HEADER = "x-livergrade-review"
"""By which a page names its review, so that nothing of it is stored in another one at the same address."""
_WEEK = 7 * 24 * 3600

Value = TypeVar("Value")
Answer = Callable[[Request, str], Awaitable[Response]]


class Server:
    """Answers requests about one review.

    Args:
        store: its database.
        tokens: one-time token → reader. A token that was used is removed.
        secure: whether the page is reached by TLS.
        viewer: OpenSeadragon, by which slides are shown.
    """

    def __init__(self, store: Store, tokens: dict[str, str], *, secure: bool, viewer: bytes = b"") -> None:
        self.store, self.tokens, self.secure = store, tokens, secure
        self.review = _digest(str(store.path.resolve()))[:16]
        self.cookie = f"{COOKIE}_{self.review}"
        self.reading = PixelReading(**store.facts["reading"])
        self.tasks = {reader: store.tasks(reader) for reader in store.facts["readers"]}
        self._sessions: dict[str, str] = {}  # hash of a cookie → reader, of those that were used
        # One thread does all that is done with the database: only who writes waits for the disk.
        self._one = ThreadPoolExecutor(1, thread_name_prefix="review")
        self.files = {url: ((PAGE / name).read_bytes(), kind) for url, (name, kind) in FILES.items()}
        self.files[VIEWER] = (viewer, "text/javascript; charset=utf-8")
        self._tiles = Tiles(Path(store.facts["root"]), store.images, self.reading)

    def app(self, hosts: Collection[str]) -> Guard:
        """The ASGI application.

        Args:
            hosts: names that the server has, with the port.
        """
        routes = [
            *(Route(url, self._file, methods=["GET"]) for url in self.files),
            Route("/favicon.ico", self._no_icon, methods=["GET"]),
            Route("/session", self._enter, methods=["POST"]),
            Route("/state", self._of_reader(self._state), methods=["GET"]),
            Route("/state/{place:int}", self._of_reader(self._state), methods=["GET"]),
            Route("/sheet", self._of_reader(self._sheet), methods=["GET"]),
            Route("/small/{place:int}", self._of_reader(self._small), methods=["GET"]),
            Route("/image/{place:int}", self._of_reader(self._image), methods=["GET"]),
            Route("/slide/{place:int}", self._of_reader(self._slide), methods=["GET"]),
            Route(
                "/tile/{place:int}/{level:int}/{column:int}/{row:int}",
                self._of_reader(self._tile),
                methods=["GET"],
            ),
            Route("/reading", self._of_reader(self._read), methods=["POST"]),
            Route("/decision", self._of_reader(self._decide), methods=["POST"]),
            Route("/undo", self._of_reader(self._undo), methods=["POST"]),
            Route("/{path:path}", self._nothing, methods=["GET", "POST"]),
        ]
        return Guard(Starlette(routes=routes), "https" if self.secure else "http", hosts)

    async def _stored(self, work: Callable[..., Value], *given: object) -> Value:
        """What a function of the database returns; one after another."""
        return await asyncio.get_running_loop().run_in_executor(self._one, work, *given)

    async def _reader(self, cookie: str) -> str | None:
        """Whose session a cookie is; None: of no reader."""
        digest = _digest(cookie)
        reader = self._sessions.get(digest) or await self._stored(self.store.session, digest)
        if reader:
            self._sessions[digest] = reader
        return reader

    async def _nothing(self, request: Request) -> Response:
        return _error(404, "there is no such page")

    async def _no_icon(self, request: Request) -> Response:
        return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        content, kind = self.files[request.url.path]
        return Response(content, media_type=kind)

    async def _enter(self, request: Request) -> Response:
        """Exchange a link's token for the cookie of a session."""
        try:
            token = parse(await request.body(), SentToken).token
        except RefusedError as error:
            return _error(400, str(error))
        reader = self.tokens.pop(token, None)
        if reader is None:
            return _error(403, "this link was used already, or is of an earlier start; ask for a new one")
        value = secrets.token_urlsafe(32)
        await self._stored(self.store.add_session, _digest(value), reader)
        answer = JSONResponse({})
        answer.set_cookie(
            self.cookie,
            value,
            max_age=_WEEK,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _of_reader(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """Have a request answered only for a reader; what can't be done is reported in one line."""

        async def answered(request: Request) -> Response:
            reader = await self._reader(request.cookies.get(self.cookie, ""))
            if request.headers.get(REVIEW_HEADER, self.review) != self.review:
                return _error(409, "this page is of another review; open the link of the one that runs now")
            if reader is None:
                return _error(401, "open the link that you were given")
            if request.path_params.get("place", 0) >= len(self.tasks[reader]):
                return _error(404, "there is no such image")
            try:
                return await answer(request, reader)
            except RefusedError as error:
                return _error(409, str(error))
            except sqlite3.Error:
                return _error(
                    503, "this could not be stored, perhaps since the disk is full; it is tried again"
                )

        return answered

    async def _state(self, request: Request, reader: str) -> Response:
        told = await self._stored(state, self.store, reader, request.path_params.get("place"))
        return JSONResponse({**told, "review": self.review})

    async def _sheet(self, request: Request, reader: str) -> Response:
        return JSONResponse(await self._stored(sheet, self.store, reader))

    async def _small(self, request: Request, reader: str) -> Response:
        number = self._number(request, reader)
        if self.store.facts.get("slides"):
            content = await self._of_slide(self._tiles.small, number)
        else:
            cells = self.store.images[number]
            path = Path(self.store.facts["root"]) / cells["image"]
            content = await run_in_threadpool(small_picture, path, cells["sha256"], self.reading)
        return Response(content, media_type="image/jpeg")

    async def _image(self, request: Request, reader: str) -> Response:
        cells = self.store.images[self._number(request, reader)]
        path = Path(self.store.facts["root"]) / cells["image"]
        content, kind = await run_in_threadpool(picture, path, cells["sha256"], self.reading)
        return Response(content, media_type=kind)

    async def _slide(self, request: Request, reader: str) -> Response:
        return JSONResponse(await self._of_slide(self._tiles.size, self._number(request, reader)))

    async def _tile(self, request: Request, reader: str) -> Response:
        place = [request.path_params[name] for name in ("level", "column", "row")]
        content = await self._of_slide(self._tiles.tile, self._number(request, reader), *place)
        return Response(content, media_type="image/jpeg")

    async def _of_slide(self, work: Callable[..., Value], *given: int) -> Value:
        """What a function of the slides returns; only so many at once, since each takes memory."""
        if not self.store.facts.get("slides"):
            raise RefusedError("there is no such slide")
        return await asyncio.get_running_loop().run_in_executor(self._tiles.threads, work, *given)

    def _number(self, request: Request, reader: str) -> int:
        """The image at the place of a request, in the reader's own order."""
        place: int = request.path_params["place"]
        return self.tasks[reader][place]

    async def _read(self, request: Request, reader: str) -> Response:
        reading = checked(parse(await request.body(), SentReading), self.store.facts)
        await self._stored(self.store.add, reader, reading)
        image = self.tasks[reader][reading.place]
        return JSONResponse({"revealed": self.store.facts["revealed"].get(str(image))})

    async def _decide(self, request: Request, reader: str) -> Response:
        sent = parse(await request.body(), SentDecision)
        if readings := decided(sent, self.store.facts):
            await self._stored(self.store.add, reader, *readings)
        else:
            await self._stored(self.store.take_back, reader, sent.id, frozenset(sent.places))
        return JSONResponse({})

    async def _undo(self, request: Request, reader: str) -> Response:
        sent = parse(await request.body(), SentUndo)
        await self._stored(self.store.undo, reader, sent.id, sent.reading)
        return JSONResponse({})


def state(store: Store, reader: str, place: int | None = None) -> dict[str, Any]:
    """Where a reader is: what the page shows.

    Args:
        store: the review's database.
        reader: who reads.
        place: the image that is shown, in the reader's order; None: the next one that is to be read.

    Returns:
        ``reader``, ``mode``, ``classes``, ``choices``, ``total`` and ``done`` (images), ``place`` (the next
        image in the reader's order; None: all are read), ``slides`` (whether they are slides), ``mpp`` (µm
        per pixel of that image; None: not known), ``shown`` (the answers of others, if they are to be seen),
        ``known`` (in ``mode=confirm`` what is known of that image, as `sheet` has it; else None), and
        ``last`` (what can be undone, as `Store.last` has it).
    """
    tasks, readings = store.tasks(reader), store.valid(reader)
    done = {row["place"]: row for row in readings}
    if place is None:
        place = next((place for place in range(len(tasks)) if place not in done), None)
    confirms = store.facts["mode"] == "confirm"
    cells: Mapping[str, str] = {} if place is None else store.images[tasks[place]]
    return {
        "reader": reader,
        "mode": store.facts["mode"],
        "classes": store.facts["classes"],
        "choices": choices(store.facts),
        "total": len(tasks),
        "done": len(done),
        "place": place,
        "slides": bool(store.facts.get("slides")),
        "mpp": float(cells["mpp"]) if cells.get("mpp") else None,
        "shown": [] if place is None else store.facts["shown"].get(str(tasks[place]), []),
        "known": _known(cells, done.get(place)) if confirms and place is not None else None,
        "last": store.last(reader),
    }


def sheet(store: Store, reader: str) -> dict[str, Any]:
    """All images of a review in ``mode=confirm`` at once.

    Returns:
        ``images``, by patient and then by name, each with its ``place`` in the reader's order, ``patient``,
        recorded ``grade`` and ``choice`` (what the reader decided; None: nothing yet); and ``last`` as in
        `state`.

    Raises:
        RefusedError: the review has another mode, in which the recorded grades are not to be seen.
    """
    if store.facts["mode"] != "confirm":
        raise RefusedError(NO_SHEET)
    tasks, readings = store.tasks(reader), store.valid(reader)
    done = {row["place"]: row for row in readings}
    of = [store.images[number] for number in tasks]
    order = sorted(
        range(len(of)), key=lambda place: [_natural(of[place][key]) for key in ("patient", "image")]
    )
    images = [{"place": place, **_known(of[place], done.get(place))} for place in order]
    return {"images": images, "last": store.last(reader)}


def _natural(name: str) -> list[str | int]:
    """A key by which P2 comes before P10: text and numbers in turn."""
    return [int(part) if at % 2 else part for at, part in enumerate(re.split("([0-9]{1,18})", name))]


def _known(cells: Mapping[str, str], reading: sqlite3.Row | None) -> dict[str, str | None]:
    """An image's patient, recorded grade, and what the reader decided of it."""
    choice = (reading["excluded"] or KEEP) if reading else None
    return {"patient": cells["patient"], "grade": cells["grade"], "choice": choice}


def _error(status: int, reason: str) -> Response:
    return Response(json.dumps({"error": reason}), status, media_type="application/json")


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
