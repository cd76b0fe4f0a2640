from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from corpus_samples import SmallCorpus, written_corpus


@pytest.fixture
def small_corpus(tmp_path: Path) -> SmallCorpus:
    return written_corpus(tmp_path)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses asked for; each is refused as by a machine without a network."""
    asked: list[str] = []

    def refuse(address: str) -> None:
        asked.append(address)
        raise OSError("no network")

    monkeypatch.setattr("harness.corpus.downloads.open_address", refuse)
    return asked


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def hide() -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    return hide
