"""Which claims already stood, as they stand now, in the code that made each record: read from git, kept as a file.

A claim is the same while its rule, sides, margin and question are; its sentence may be reworded, and data sets may be
added to those it is about. Changes of the rules themselves (``harness.verdicts``) are not followed. The file is part of
the evidence, so that a report needs no history; ``study history`` writes it anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness import claim_teller
from harness.atomic import replace_text
from harness.claims import Claim
from harness.evidence import EvidenceError, read_text
from harness.record import Record

FILE = "history.json"  # in the folder of the committed evidence
ROOT = Path(__file__).resolve().parent.parent
_CODE = ("study", "harness")
_DECLARATIONS = ("study", "harness/claims.py")  # what a claim is read from


class HistoryError(RuntimeError):
    """The history cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Since:
    """The commit from which on a claim has stood as it does now, and its date (ISO 8601, day)."""

    commit: str
    date: str


@dataclass(frozen=True)
class History:
    """By claim, since when and the digest of its rule; by the commit of records, the claims that stood in it as now."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    since: Mapping[str, Since] = field(default_factory=dict)
    standing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)


_HISTORY = TypeAdapter(History)


def read(path: Path) -> History:
    """The history in the file; an empty one where there is no file.

    Raises:
        EvidenceError: when the file is damaged.
    """
    if not path.exists():
        return History()
    try:
        return _HISTORY.validate_json(read_text(path))
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise EvidenceError(f"{path}: {problem}; restore the file from its last commit") from error


def write(history: History, path: Path) -> None:
    """Write the history, one fact a line, whole or not at all."""
    replace_text(path, json.dumps(_HISTORY.dump_python(history), indent=1, sort_keys=True) + "\n")


def from_git(claims: Iterable[Claim], records: Iterable[Record], root: Path = ROOT) -> History:
    """Ask the repository in ``root`` for the history of the claims; runs the declarations of earlier commits.

    The line of first parents is followed: a claim that was written on a branch stands from the merge on.

    Raises:
        HistoryError: without git, in a shallow clone, with uncommitted claims, or when a record's commit is missing.
    """
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise HistoryError(f"{root}: the clone is shallow; fetch its history with `git fetch --unshallow`")
    claims = tuple(claims)
    now: dict[str, object] = {claim.name: _plain(claim_teller.rule(claim)) for claim in claims}
    names = set(now)
    if now != _claims_at(root, "HEAD"):
        raise HistoryError(f"{root}: study/claims.py is not as committed; commit it and run this again")
    log = _git(root, "log", "--first-parent", "--format=%H %cs", "--", *_DECLARATIONS).splitlines()
    known = {commit: date for commit, _, date in (line.partition(" ") for line in log)}
    since: dict[str, Since] = {}
    changed: set[str] = set()
    for commit, date in known.items():  # newest first
        then = _claims_at(root, commit)
        changed |= {name for name in names if then.get(name) != now[name]}
        since |= {name: Since(commit, date) for name in names - changed}
        if changed == names:
            break
    standing = {commit: _same(now, _claims_at(root, commit)) for commit in {r.environment.commit for r in records}}
    return History(since, standing, {claim.name: rule_digest(claim) for claim in claims})


def rule_digest(claim: Claim) -> str:
    """SHA-256, in hexadecimal, of what decides a claim's verdicts: a history with another one is of another claim."""
    return hashlib.sha256(json.dumps(claim_teller.rule(claim), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Ages:
    """Of the records that a verdict is about: how many there are, and how many are from code that had its claim.

    ``later`` is absent where the history does not know the code of all of them.
    """

    records: int
    later: int | None

    @property
    def all_later(self) -> bool:
        """Whether the claim is known to be older than all of the records."""
        return self.records == self.later


def ages(claim: Claim, read: Sequence[Record], history: History) -> Ages:
    """Count the records that a verdict on the claim reads."""
    if any(record.environment.commit not in history.standing for record in read):
        return Ages(len(read), None)
    return Ages(len(read), sum(claim.name in history.standing[record.environment.commit] for record in read))


def _same(now: Mapping[str, object], then: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(name for name, claim in now.items() if then.get(name) == claim))


def _claims_at(root: Path, commit: str) -> dict[str, object]:
    """What the claims of a commit say, by name; none where it declares none."""
    paths = _git(root, "ls-tree", "--name-only", commit, *_CODE).split()
    if "study" not in paths:
        return {}
    # Whole folders, so that what the declarations import is there.
    archive = _run(["git", "-C", str(root), "archive", commit, *paths])
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        if not (Path(folder) / "study" / "claims.py").exists():
            return {}
        told = _run([sys.executable, "-I", claim_teller.__file__, folder])
    claims: dict[str, object] = json.loads(told)
    return claims


def _plain(rule: dict[str, object]) -> object:
    """A rule as it is read back from JSON."""
    return json.loads(json.dumps(rule))


def _git(root: Path, *arguments: str) -> str:
    return _run(["git", "-C", str(root), *arguments]).decode()


def _run(command: list[str]) -> bytes:
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError as error:
        raise HistoryError(f"{command[0]} is not installed; install it to read the history of the claims") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise HistoryError(f"{' '.join(command)[:200]}: {said[-1] if said else 'failed'}") from error
