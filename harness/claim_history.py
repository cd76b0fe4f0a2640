"""Which claims already stood, as they stand now, in the code that made each record: read from git, kept as a file.

A claim is the same while its rule, sides and margin are; its sentence may be reworded and its places may grow. The file
is part of the evidence, so that a report needs no history; ``study history`` writes it anew.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.claims import Claim, Place, Selector, Verdict
from harness.evidence import EvidenceError
from harness.record import Record

FILE = "history.json"  # in the folder of the committed evidence
ROOT = Path(__file__).resolve().parent.parent
_CODE = ("study", "harness")
_DECLARATIONS = ("study", "harness/claims.py")  # what a claim is read from

# Fields at their defaults are left out, so that a field that a later commit adds changes no earlier claim.
_TELL = """
import dataclasses, json

def told(value):
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {f.name: told(getattr(value, f.name)) for f in fields if getattr(value, f.name) != f.default}
    return list(value) if isinstance(value, tuple) else value

from study.claims import CLAIMS
rules = ("kind", "left", "right", "margin")
print(json.dumps({claim.name: {rule: told(getattr(claim, rule)) for rule in rules} for claim in CLAIMS}))
"""


class HistoryError(RuntimeError):
    """The history cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Since:
    """The commit from which on a claim has stood as it does now, and its date (ISO 8601, day)."""

    commit: str
    date: str


@dataclass(frozen=True)
class History:
    """By claim, since when; by the commit of records, the claims that stood in it as they do now."""

    since: Mapping[str, Since] = field(default_factory=dict)
    standing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_HISTORY = TypeAdapter(History)


def read(path: Path) -> History:
    """The history in the file; an empty one where there is no file.

    Raises:
        EvidenceError: when the file is damaged.
    """
    if not path.exists():
        return History()
    try:
        return _HISTORY.validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise EvidenceError(f"{path}: {problem}; restore the file from its last commit") from error


def write(history: History, path: Path) -> None:
    """Write the history, one fact a line."""
    path.write_text(json.dumps(_HISTORY.dump_python(history), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def from_git(claims: Iterable[Claim], records: Iterable[Record], root: Path = ROOT) -> History:
    """Ask the repository in ``root`` for the history of the claims; runs the declarations of earlier commits.

    Raises:
        HistoryError: without git, in a shallow clone, with uncommitted claims, or when a record's commit is missing.
    """
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise HistoryError(f"{root}: the clone is shallow; fetch its history with `git fetch --unshallow`")
    names = {claim.name for claim in claims}
    now = _claims_at(root, "HEAD")
    if names != set(now):
        raise HistoryError(f"{root}: study/claims.py is not as committed; commit it and run this again")
    log = _git(root, "log", "--format=%H %cs", "--", *_DECLARATIONS).splitlines()
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
    return History(since, standing)


def records_after(verdict: Verdict, records: Iterable[Record], history: History) -> tuple[int, int]:
    """How many records of the verdict's two sides there are, and how many are from code that had the claim already.

    All records of an arm at its decays count, tuning included.
    """
    place = (verdict.dataset, verdict.recipe)
    sides = (verdict.claim.left, verdict.claim.right)
    found = [record for record in records if any(_is_of(record, side, place) for side in sides)]
    later = [r for r in found if verdict.claim.name in history.standing.get(r.environment.commit, ())]
    return len(found), len(later)


def _is_of(record: Record, side: Selector, place: Place) -> bool:
    cell = record.specification
    decays = side.decay if isinstance(side.decay, tuple) else (side.decay,)
    return (
        (cell.dataset.name, cell.recipe.name) == (side.dataset or place[0], place[1])
        and (cell.implementation, cell.arm.name) == (side.implementation, side.arm)
        and cell.arm.decay in decays
    )


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
        told = _run([sys.executable, "-c", _TELL], folder)
    claims: dict[str, object] = json.loads(told)
    return claims


def _git(root: Path, *arguments: str) -> str:
    return _run(["git", "-C", str(root), *arguments]).decode()


def _run(command: list[str], folder: str | None = None) -> bytes:
    try:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    except FileNotFoundError as error:
        raise HistoryError(f"{command[0]} is not installed; install it to read the history of the claims") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise HistoryError(f"{' '.join(command)[:200]}: {said[-1] if said else 'failed'}") from error
