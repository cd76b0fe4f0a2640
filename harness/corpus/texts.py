"""The parsed texts of a dataset, and the digest by which any two sources of them are compared.

The digest is taken over what was parsed and not over an archive, so that a folder, a package and a download
that hold the same texts and labels are the same dataset, however they are packed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TRAIN, TEST, UNLABELLED = "train", "test", "unlabelled"


class CorpusError(ValueError):
    """Texts that are missing, damaged or not the declared ones; the message names the place and the remedy."""


@dataclass(frozen=True)
class RawTexts:
    """Texts as published, in a fixed order; each labelled one is (text, name of its class).

    ``test`` is the official test part, None where there is none.
    """

    train: tuple[tuple[str, str], ...]
    test: tuple[tuple[str, str], ...] | None
    unlabelled: tuple[str, ...] = ()


def normalise(text: str) -> str:
    """Strip surrounding white space and write every inner run of it as one blank."""
    return " ".join(text.split())


def to_lines(raw: RawTexts) -> Iterator[str]:
    """One ASCII line of JSON for each text, ``[part, label, text]``; the first line says which parts there are."""
    yield json.dumps({"official_test": raw.test is not None})
    for part, pairs in ((TRAIN, raw.train), (TEST, raw.test or ())):
        for text, label in pairs:
            yield json.dumps([part, label, text])
    for text in raw.unlabelled:
        yield json.dumps([UNLABELLED, None, text])


def from_lines(lines: Iterable[str]) -> RawTexts:
    """Invert ``to_lines``.

    Raises:
        ValueError, KeyError, TypeError: when the lines were not written by ``to_lines``.
    """
    iterator = iter(lines)
    has_test = json.loads(next(iterator, ""))["official_test"]
    labelled: dict[str, list[tuple[str, str]]] = {TRAIN: [], TEST: []}
    unlabelled: list[str] = []
    for line in iterator:
        part, label, text = json.loads(line)
        if part == UNLABELLED:
            unlabelled.append(text)
        else:
            labelled[part].append((text, label))
    return RawTexts(tuple(labelled[TRAIN]), tuple(labelled[TEST]) if has_test else None, tuple(unlabelled))


def content_digest(raw: RawTexts) -> str:
    """SHA-256, in hexadecimal, of the texts, their labels, their parts and their order."""
    digest = hashlib.sha256()
    for line in to_lines(raw):
        digest.update(line.encode("ascii"))
        digest.update(b"\n")
    return digest.hexdigest()
