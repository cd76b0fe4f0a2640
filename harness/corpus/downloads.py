"""Fetching an official file over https, whole or not at all."""

from __future__ import annotations

import http.client
import urllib.request
from pathlib import Path
from typing import IO

from harness.corpus.cache import write_atomically
from harness.corpus.texts import CorpusError

TIMEOUT_SECONDS = 30
MAX_DOWNLOAD_BYTES = 512 * 2**20
_BLOCK_BYTES = 2**20


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only where it stays on https."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_address(address: str) -> http.client.HTTPResponse:
    """Open ``address``; urllib raises OSError or http.client.HTTPException where it does not serve."""
    response: http.client.HTTPResponse = urllib.request.build_opener(_OnlyHttps).open(address, timeout=TIMEOUT_SECONDS)
    return response


def fetch(address: str, target: Path) -> None:
    """Download ``address`` to ``target``, unless an earlier download is already there.

    Raises:
        CorpusError: when the address is not https, does not answer, breaks off or sends too much.
    """
    _require_https(address)
    if target.exists():
        return
    try:
        with open_address(address) as response:
            write_atomically(target, lambda stream: _copy(response, stream))
    except (OSError, http.client.HTTPException) as error:
        raise CorpusError(f"{address}: {error or type(error).__name__}") from error


def _copy(response: http.client.HTTPResponse, stream: IO[bytes]) -> None:
    announced = response.headers.get("Content-Length")
    received = 0
    while block := response.read(_BLOCK_BYTES):
        received += len(block)
        if received > MAX_DOWNLOAD_BYTES:
            raise OSError(f"sends more than {MAX_DOWNLOAD_BYTES} bytes")
        stream.write(block)
    if announced is not None and received != int(announced):
        raise OSError(f"broke off after {received} of {announced} bytes")


def _require_https(address: str) -> None:
    if not address.startswith("https://"):
        raise CorpusError(f"{address}: refused, not an https address")
