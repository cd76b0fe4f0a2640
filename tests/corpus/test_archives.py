from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from harness.corpus import archives
from harness.corpus.archives import read_members
from harness.corpus.texts import CorpusError


def archive_of(path: Path, members: list[tuple[str, bytes]], mode: str = "w:gz", kind: bytes = tarfile.REGTYPE) -> Path:
    """An archive of regular files, then, if ``kind`` is another type, one member of that type."""
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        if kind != tarfile.REGTYPE:
            member = tarfile.TarInfo("odd")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    return path


def wanted(name: str) -> bool:
    return name.endswith(".txt")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_wanted_members_are_read_whatever_the_compression(tmp_path: Path, mode: str) -> None:
    path = archive_of(tmp_path / "a.tar", [("a/1.txt", b"one"), ("a/2.dat", b"two"), ("3.txt", b"")], mode)
    assert read_members(path, wanted) == {"a/1.txt": b"one", "3.txt": b""}


@pytest.mark.parametrize(
    "name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "..\\out.txt", "C:\\out.txt", "a/../b.dat"]
)
def test_a_member_that_leaves_the_folder_condemns_the_archive(tmp_path: Path, name: str) -> None:
    path = archive_of(tmp_path / "a.tar.gz", [("good.txt", b"good"), (name, b"bad")])
    with pytest.raises(CorpusError, match="outside its folder") as caught:
        read_members(path, wanted)
    assert str(path) in str(caught.value)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_condemn_the_archive(tmp_path: Path, kind: bytes) -> None:
    path = archive_of(tmp_path / "a.tar.gz", [("good.txt", b"good")], kind=kind)
    with pytest.raises(CorpusError, match="'odd' is a link or a device"):
        read_members(path, wanted)


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "a.tar.gz", [("1.txt", b"one"), ("1.txt", b"another")])
    with pytest.raises(CorpusError, match=r"'1\.txt' is there twice"):
        read_members(path, wanted)


@pytest.mark.parametrize("limit", ["MAX_MEMBER_BYTES", "MAX_TOTAL_BYTES"])
def test_too_large_members_and_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    path = archive_of(tmp_path / "a.tar.gz", [("1.txt", b"12345"), ("2.txt", b"1234567")])
    monkeypatch.setattr(archives, limit, 6)
    with pytest.raises(CorpusError, match=r"'2\.txt' .*more than 6"):
        read_members(path, wanted)


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2", "w"])
def test_a_truncated_archive_is_named_with_the_remedy(tmp_path: Path, mode: str) -> None:
    noise = bytes(value * 7919 % 251 for value in range(30_000))
    path = archive_of(tmp_path / "a.tar", [("1.txt", noise), ("2.txt", noise[::-1])], mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorpusError, match=r"damaged archive.*obtain it again") as caught:
        read_members(path, wanted)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(CorpusError, match="damaged archive"):
        read_members(path, wanted)
