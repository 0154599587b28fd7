"""Load on the page for readers: is every reading stored that is answered for, and how long does that take.

python benchmarks/review.py [--clients 50] [--readings 2000] [--seconds 60]

Starts ``livergrade.review`` on this machine with a reader for each client. Each client looks at an image and
sends its reading, at even times that together make so many readings a minute; one of twenty is sent twice, as
after a lost answer. Then the stored readings are compared with the answers.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

GRADES = ("poor", "moderate", "well")


@dataclass
class Client:
    """What one reader sent and was answered."""

    answered: dict[str, int] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    late: float = 0.0


def write_cohort(folder: Path, images: int) -> Path:
    rng = np.random.default_rng(0)
    names = [f"{number}.png" for number in range(images)]
    for name in names:
        coarse = Image.fromarray(rng.integers(0, 255, (28, 28, 3), np.uint8))
        coarse.resize((224, 224), Image.Resampling.BICUBIC).save(folder / name)  # smooth, as tissue is
    table = folder / "images.csv"
    pd.DataFrame({"image": names}).to_csv(table, index=False)
    return table


def ask(
    connection: http.client.HTTPConnection, path: str, cookie: str, sent: object = None
) -> tuple[int, str]:
    """Status and cookie of an answer, which is read whole."""
    headers = {"Cookie": cookie}
    body = None
    if sent is not None:
        headers |= {
            "Origin": f"http://{connection.host}:{connection.port}",
            "Content-Type": "application/json",
        }
        body = json.dumps(sent)
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, (answer.getheader("set-cookie") or "").partition(";")[0]


def read(client: Client, link: str, count: int, start: float, pause: float) -> None:
    """Send a reader's readings at even times from ``start`` on, ``pause`` seconds apart."""
    address, _, token = link.removeprefix("http://").partition("/#")
    connection = http.client.HTTPConnection(address, timeout=60)
    _, cookie = ask(connection, "/session", "", {"token": token})
    rng = random.Random(token)  # noqa: S311 - no secret
    for place in range(count):
        due = start + (place + rng.random()) * pause
        time.sleep(max(0.0, due - time.monotonic()))
        client.late = max(client.late, time.monotonic() - due)
        client.statuses[ask(connection, f"/image/{place}", cookie)[0]] += 1
        sent = {"id": uuid.uuid4().hex, "place": place, "choice": rng.choice(GRADES), "excluded": False}
        sent |= {"confidence": None, "seconds": 1.0, "comment": ""}
        for _ in range(1 + (rng.random() < 0.05)):
            before = time.monotonic()
            status, _ = ask(connection, "/reading", cookie, sent)
            client.seconds.append(time.monotonic() - before)
            client.statuses[status] += 1
            if status == 200:
                client.answered[str(sent["id"])] = place


def stored(database: Path) -> tuple[set[str], int]:
    """Ids of the stored readings, and how many images a reader has more than one reading of."""
    with sqlite3.connect(database) as db:
        rows = db.execute("SELECT id, reader, place FROM readings").fetchall()
    doubled = sum(count - 1 for count in Counter((reader, place) for _, reader, place in rows).values())
    return {row[0] for row in rows}, doubled


def measure(folder: Path, clients: int, readings: int, seconds: float) -> dict[str, float]:
    """One load; figures by their name."""
    each = max(1, round(readings * seconds / 60 / clients))
    names = ",".join(f"r{number}" for number in range(clients))
    words = [
        f"manifest={write_cohort(folder, each)}",
        f"readers=[{names}]",
        f"out={folder / 'out'}",
        "port=0",
    ]
    command = [sys.executable, "-m", "livergrade.review", *words]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    try:
        assert server.stdout
        links: list[str] = []
        for line in server.stdout:
            links += re.findall(r"^  r\d+: (\S+)$", line)
            if len(links) == clients:
                break
        found = [Client() for _ in links]
        start = time.monotonic() + 1
        threads = [
            threading.Thread(target=read, args=(client, link, each, start, seconds / each))
            for client, link in zip(found, links, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - start
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=120)
    ids, doubled = stored(folder / "out" / "review.db")
    answered = {number for client in found for number in client.answered}
    waited = np.array([second for client in found for second in client.seconds])
    statuses = sum((client.statuses for client in found), Counter[int]())
    return {
        "readings answered for": len(answered),
        "readings stored": len(ids),
        "lost": len(answered - ids),
        "doubled": doubled,
        "refused": sum(count for status, count in statuses.items() if status != 200),
        "readings a minute": 60 * len(answered) / took,
        "median ms": 1000 * float(np.median(waited)),
        "95 % ms": 1000 * float(np.quantile(waited, 0.95)),
        "longest ms": 1000 * float(waited.max()),
        "latest start s": max(client.late for client in found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--readings", type=int, default=2000, help="a minute, of all clients together")
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measure(Path(folder), given.clients, given.readings, given.seconds).items():
            print(f"{name:>22}: {value:,.1f}")


if __name__ == "__main__":
    main()
