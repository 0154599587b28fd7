"""Requests that no page of ours sends."""

from typing import Any

import pytest

from livergrade.reading.guard import MOST_BYTES, Guard
from tests.reading.client import HOST, ask


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/broken":
        raise ValueError("secret")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


APP = Guard(hello, "http", [HOST, "localhost:8765"])


@pytest.mark.parametrize(
    ("status", "given"),
    [
        (421, {"headers": {"host": "evil.example:8765"}}),
        (421, {"headers": {"host": ""}}),
        (421, {"headers": {"host": "127.0.0.1"}}),
        (403, {"sent": {}, "headers": {"origin": "http://evil.example"}}),
        (403, {"sent": {}, "headers": {"origin": "null"}}),
        (403, {"sent": {}, "headers": {"origin": "https://127.0.0.1:8765"}}),
        (403, {"sent": {}, "headers": {"origin": ""}}),
        (403, {"headers": {"origin": "http://127.0.0.1:9999"}}),
        (403, {"headers": {"sec-fetch-site": "cross-site"}}),
        (403, {"headers": {"sec-fetch-site": "same-site"}}),
        (413, {"sent": {}, "headers": {"content-length": str(MOST_BYTES + 1)}}),
        (413, {"sent": {}, "headers": {"content-length": "9" * 5000}}),
        (411, {"sent": {}, "headers": {"content-length": "-1"}}),
        (411, {"sent": {}, "headers": {"content-length": ""}}),
        (411, {"sent": {}, "headers": {"transfer-encoding": "chunked"}}),
        (415, {"sent": {}, "headers": {"content-type": "text/plain"}}),
        (405, {"method": "DELETE"}),
        (500, {"path": "/broken"}),
    ],
)
def test_it_is_refused_in_one_line(status: int, given: dict[str, Any]) -> None:
    answer = ask(APP, given.pop("path", "/state"), **given)
    assert answer.status == status
    assert "\n" not in answer.json["error"]
    assert "secret" not in answer.json["error"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_requests_of_the_page_are_answered_with_headers_that_keep_others_out() -> None:
    for answer in (
        ask(APP, "/state", headers={"sec-fetch-site": "same-origin"}),
        ask(APP, "/", headers={"sec-fetch-site": "cross-site", "host": "LOCALHOST:8765"}),
        ask(APP, "/reading", {}),
    ):
        assert (answer.status, answer.body) == (200, b"hello")
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
