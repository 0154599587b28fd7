"""Serve a review until it is stopped, and write its tables then."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import logging
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from livergrade.config.schema import ReviewConfig
from livergrade.errors import UserError
from livergrade.io.locks import file_lock
from livergrade.io.npm_package import NpmPackage, package_files
from livergrade.io.regular_files import is_regular
from livergrade.reading.begin import begin
from livergrade.reading.export_readings import export_readings
from livergrade.reading.store import NAME, Store

if TYPE_CHECKING:
    from uvicorn import Config

log = logging.getLogger(__name__)
links = logging.getLogger("livergrade.links")  # the terminal only: a link lets whoever has it read

OPENSEADRAGON = NpmPackage(
    "openseadragon",
    "5.0.1",
    "sha512-a/hjouW9i3UfWxRADVYN2MyRhXMGnE7x9VVL7/4jXCcDLFyO4UM5o4RStYtqa5BfaHw/wMNAaD2WbxQF8f1pJg==",
)
"""By which slides are shown, BSD 3-clause."""
_SCRIPT = "build/openseadragon/openseadragon.min.js"
LOOPBACK = "127.0.0.1"
MOST_REQUESTS = 256
"""Answered at once; more are refused, and the page tries again."""


def review(config: ReviewConfig, out: Path) -> None:
    """Serve the review in a folder, or only write its tables.

    Raises:
        UserError: an option, an image or the folder can't be used; the line says why.
    """
    require()
    host, secure = _address(config)
    if config.export:
        store = begin(config, out) if config.readings or (out / NAME).exists() else Store(out / NAME)
        with contextlib.closing(store):
            export_readings(store, out, config.consensus)
        return
    with _alone(out), contextlib.closing(begin(config, out)) as store:
        try:
            _serve(config, store, host, secure=secure)
        except KeyboardInterrupt:  # the way to stop it
            pass
        finally:
            export_readings(store, out, config.consensus)
            log.info("stopped; go on with: livergrade review out=%s", out)


def require() -> None:
    """Check that the packages of the extra ``review`` are installed.

    Raises:
        UserError: one is missing.
    """
    if missing := [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]:
        raise UserError(f'review needs {", ".join(missing)}: pip install "livergrade[review]"')


def _address(config: ReviewConfig) -> tuple[str, bool]:
    """The host to listen at, and whether by TLS.

    Raises:
        UserError: other machines would reach the page without TLS, or a file of TLS is missing.
    """
    files = {"tls_cert": config.tls_cert, "tls_key": config.tls_key}
    missing = [key for key, name in files.items() if not name]
    if config.host and missing:
        raise UserError(
            f"host={config.host}: other machines reach the page by TLS alone; give {' and '.join(missing)}, "
            "or leave host out and use the page on this machine"
        )
    if not config.host:
        if len(missing) < len(files):
            raise UserError(
                "tls_cert, tls_key: are for a page that other machines reach; give host, or leave them out"
            )
        return LOOPBACK, False
    for key, name in files.items():
        if not is_regular(Path(str(name))):
            raise UserError(f"{key}={name}: there is no such file")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            str(config.tls_cert), str(config.tls_key), password=lambda: ""
        )
    except (OSError, ValueError) as error:
        raise UserError(f"tls_cert, tls_key: do not work together: {error}") from None
    return config.host, True


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the lock of a review's folder, which one process alone may serve.

    Raises:
        UserError: another one does.
    """
    lock = file_lock(out / "review.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"{out}: this review is open in another process; stop that first") from None
    try:
        yield
    finally:
        lock.release()
        if not (out / NAME).exists():  # nothing began: the folder is left as it was found
            Path(lock.lock_file).unlink(missing_ok=True)


def _serve(config: ReviewConfig, store: Store, host: str, *, secure: bool) -> None:
    """Answer until a signal comes.

    Raises:
        UserError: the port can't be opened.
    """
    import uvicorn

    from livergrade.reading.app import Server

    tokens = {secrets.token_urlsafe(32): reader for reader in store.facts["readers"]}
    server = Server(store, tokens, secure=secure, viewer=_viewer(config, store))
    settings = uvicorn.Config(
        app=None,  # type: ignore[arg-type] # known once the port is
        host=host,
        port=config.port,
        ssl_certfile=config.tls_cert,
        ssl_keyfile=config.tls_key,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_REQUESTS,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16 * 1024,
    )
    listening = _listening(settings, host, config.port)
    port: int = listening.getsockname()[1]
    names = _names(host, port, secure=secure)
    settings.app = server.app(names)
    _print_links(tokens, f"{'https' if secure else 'http'}://{names[0]}")
    uvicorn.Server(settings).run(sockets=[listening])


def _viewer(config: ReviewConfig, store: Store) -> bytes:
    """OpenSeadragon, if slides are read.

    Raises:
        UserError: it can't be fetched, or what ``viewer`` names is another version.
    """
    if not store.facts.get("slides"):
        return b""
    return package_files(OPENSEADRAGON, [_SCRIPT], option="viewer", given=config.viewer)[_SCRIPT]


def _listening(settings: Config, host: str, port: int) -> Any:  # noqa: ANN401 - a socket
    """The open port.

    Raises:
        UserError: it can't be opened.
    """
    try:
        listening = settings.bind_socket()
        listening.listen()  # now, so that a link works as soon as it is printed
        return listening
    except (SystemExit, OSError, ValueError):
        raise UserError(
            f"port={port}: can't be opened at {host}, perhaps since another program uses it; choose "
            "another port"
        ) from None


def _names(host: str, port: int, *, secure: bool) -> list[str]:
    """What a browser may call the server, in lower case, the name of the links first."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).version == 6:
            host = f"[{host}]"
    hosts = [host.lower()] if secure else [LOOPBACK, "localhost"]
    names = [f"{one}:{port}" for one in hosts]
    return names + hosts * (port == (443 if secure else 80))


def _print_links(tokens: dict[str, str], address: str) -> None:
    """Print each reader's link on the terminal alone."""
    lines = [f"  {reader}: {address}/#{token}" for token, reader in tokens.items()]
    links.info("each reader's link, which works once (Ctrl-C stops the page):\n%s", "\n".join(lines))
