"""Wikipedia articles as WikiExtractor writes them, and the evaluation parts of WikiText-103."""

from __future__ import annotations

import hashlib
import html
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.corpus.archives import read_members
from harness.corpus.texts import CorpusError

_MEMBER = re.compile(r"(?:.*/)?text(?:-excellent)?/[A-Z]{2}/wiki_\d+")
_ARTICLE = re.compile(r'<doc id="(\d+)" url="[^"]*" title="([^"]*)">\n(.*?)\n?</doc>', re.DOTALL)
_RESIDUE = re.compile(r"<(?!/?doc)/?[a-zA-Z]|\{\{|\}\}|\|")  # markup that the extractor left: tags, templates, tables
_PARTS = {"validation": "valid", "test": "test"}
_WRITTEN_APART = re.compile(r" @([-.,])@ ")  # WikiText's marks inside numbers and compounds
# " = Title = " and an empty line: neither " = = Section = = " nor a formula on a line of its own.
_HEADING = re.compile(r"^(?= = [^=].* = \n \n)", re.MULTILINE)
MAX_PART_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Article:
    """One article: Wikipedia's page number, its title, its paragraphs, and how many lines of residue were dropped."""

    page: int
    title: str
    text: str
    residue: int


def articles(files: tuple[Path, ...]) -> tuple[Article, ...]:
    """Read the articles of a tar archive of WikiExtractor files, in the order of the files' names.

    Raises:
        CorpusError: when the archive is damaged or unsafe, is not UTF-8, or holds no article.
    """
    (archive,) = files
    members = read_members(archive, lambda name: _MEMBER.fullmatch(name) is not None)
    try:
        found = [
            _article(int(page), title, body)
            for name in sorted(members)
            for page, title, body in _ARTICLE.findall(members[name].decode("utf-8"))
        ]
    except UnicodeDecodeError as error:
        raise CorpusError(f"{archive}: not UTF-8: {error}. Delete the file and obtain it again.") from error
    if not found:
        raise CorpusError(f"{archive}: no WikiExtractor article in text/*/wiki_*. Delete it and obtain it again.")
    return tuple(found)


def _article(page: int, title: str, body: str) -> Article:
    lines = [line for line in body.split("\n")[1:] if line.strip()]  # the first line repeats the title
    kept = [line for line in lines if not _RESIDUE.search(line)]
    return Article(page, html.unescape(title), "\n".join(kept), len(lines) - len(kept))


def articles_digest(found: Iterable[Article]) -> str:
    """SHA-256 of the articles and their order, so that archives packed otherwise count as the same."""
    digest = hashlib.sha256()
    for article in found:
        digest.update(json.dumps([article.page, article.title, article.text]).encode("ascii"))
    return digest.hexdigest()


def wikitext_digest(parts: Mapping[str, str]) -> str:
    """SHA-256 of the parts of WikiText."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


def wikitext(files: tuple[Path, ...]) -> dict[str, str]:
    """Read the parts ``validation`` and ``test`` of WikiText-103, from two files or the official zip archive.

    Compounds and numbers that WikiText writes apart are joined again, and its ``<unk>`` becomes ``xxunk``.

    Raises:
        CorpusError: when a part is missing, too large or not UTF-8.
    """
    raw = _members_of_zip(files[0]) if len(files) == 1 else [file.read_bytes() for file in files]
    try:
        texts = [content.decode("utf-8") for content in raw]
    except UnicodeDecodeError as error:
        raise CorpusError(f"{files[0]}: not UTF-8: {error}. Obtain WikiText-103 again.") from error
    return {part: _joined(text) for part, text in zip(_PARTS, texts, strict=True)}


def wikitext_articles(text: str) -> list[str]:
    """The articles of a part of WikiText, each from its heading on."""
    return [article for article in _HEADING.split(text) if article.strip()]


def _joined(text: str) -> str:
    return _WRITTEN_APART.sub(r"\1", text).replace("<unk>", "xxunk")


def _members_of_zip(archive: Path) -> list[bytes]:
    try:
        with zipfile.ZipFile(archive) as file:
            names = {PurePosixPath(info.filename).name: info for info in file.infolist()}
            wanted = [names[f"wiki.{part}.tokens"] for part in _PARTS.values()]
            for info in wanted:
                if info.file_size > MAX_PART_BYTES:
                    raise CorpusError(f"{archive}: refused, {info.filename} has {info.file_size} bytes.")
            return [file.read(info) for info in wanted]
    except (KeyError, zipfile.BadZipFile, zlib.error, OSError) as error:
        raise CorpusError(f"{archive}: not the WikiText-103 archive ({error}). Obtain it again.") from error
