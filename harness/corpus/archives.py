"""Reading tar archives in memory, refusing those that could do harm if somebody unpacked them.

Nothing is ever written to disk from an archive; one unsafe member nevertheless condemns the whole archive,
since it is not the published one.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

from harness.corpus.texts import CorpusError

MAX_MEMBER_BYTES = 10 * 2**20
MAX_TOTAL_BYTES = 2 * 2**30


def read_members(archive: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Read every file whose name is ``wanted`` from a tar archive (plain, gz, bz2 or xz); name -> content.

    Raises:
        CorpusError: when a member is a link or a device, would leave the folder it is unpacked in, is there
            twice or is too large, and when the archive is damaged.
    """
    contents: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                _refuse_unsafe(archive, member)
                if not (member.isfile() and wanted(member.name)):
                    continue
                total += member.size
                _refuse_excess(archive, member, total, member.name in contents)
                contents[member.name] = _content(tar, member)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise CorpusError(
            f"{archive}: damaged archive, after {len(contents)} readable members: {error}. "
            "Delete the file and obtain it again."
        ) from error
    return contents


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    content = stream.read() if stream is not None else b""
    if len(content) != member.size:
        raise tarfile.ReadError(f"member {member.name!r} ends after {len(content)} of {member.size} bytes")
    return content


def _refuse_unsafe(archive: Path, member: tarfile.TarInfo) -> None:
    # A Windows path splits at both slashes and knows drives, so it is the stricter reading of a name.
    path = PureWindowsPath(member.name)
    if path.anchor or ".." in path.parts:
        fault = "would be unpacked outside its folder"
    elif not (member.isfile() or member.isdir()):
        fault = "is a link or a device"
    else:
        return
    raise CorpusError(f"{archive}: refused, member {member.name!r} {fault}. Obtain the official archive.")


def _refuse_excess(archive: Path, member: tarfile.TarInfo, total: int, repeated: bool) -> None:
    if repeated:
        fault = "is there twice"
    elif member.size > MAX_MEMBER_BYTES:
        fault = f"has {member.size} bytes, more than {MAX_MEMBER_BYTES}"
    elif total > MAX_TOTAL_BYTES:
        fault = f"brings the archive to {total} bytes, more than {MAX_TOTAL_BYTES}"
    else:
        return
    raise CorpusError(f"{archive}: refused, member {member.name!r} {fault}. Obtain the official archive.")
