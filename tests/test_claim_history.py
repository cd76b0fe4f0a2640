"""The order of claims and records, as the history of a repository tells it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report.synthetic import cell, make_record

from harness.claim_history import Ages, History, HistoryError, Since, ages, from_git, read, write
from harness.claims import Claim, Protocol, Selector, Verdict
from harness.evidence import EvidenceError
from harness.sides import by_family, records_read

SIDE = Selector("torch", "full+stlr", 2.6)
PROTOCOL = Protocol(tuning_repetitions=(100,), final_repetitions=(0,), margin=0.005)
CLAIM = Claim("first", "…", "superior", SIDE, replace(SIDE, decay=1.0), 0.005)
DECLARATION = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Claim:
    name: str
    sentence: str
    kind: str
    left: str
    right: tuple
    margin: float
{more}

CLAIMS = ({claims})
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def declared(claims: str, more: str = "") -> list[Any]:
    """The claims as objects."""
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(DECLARATION.format(claims=claims, more=more), namespace)
    return list(namespace["CLAIMS"])


def commit(folder: Path, claims: str, more: str = "") -> str:
    """Commit these claims; returns the commit."""
    (folder / "study").mkdir(exist_ok=True)
    (folder / "study" / "__init__.py").touch()
    (folder / "study" / "claims.py").write_text(DECLARATION.format(claims=claims, more=more))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "claims", "--allow-empty")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "nothing.py").touch()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "no study yet")
    return tmp_path


def made_by(commit_id: str, **of_cell: object):
    record = make_record(cell(**of_cell))
    return replace(record, environment=replace(record.environment, commit=commit_id))


def test_a_claim_stands_since_its_rule_last_changed_however_it_is_worded(repository):
    start = git(repository, "rev-parse", "HEAD")
    old = commit(repository, "Claim('first', 'a', 'superior', 'l', (1, 2), 0.01),")
    margin = commit(repository, "Claim('first', 'a', 'superior', 'l', (1, 2), 0.005),")
    now = "Claim('first', 'b', 'superior', 'l', (1, 2), 0.005), Claim('second', 'c', 'superior', 'l', (1,), 0.01),"
    words = commit(repository, now, more="    measure: str = 'new field'")
    records = [made_by(at) for at in (start, old, margin, words)]
    history = from_git(declared(now, more="    measure: str = 'new field'"), records, repository)
    assert history.since["first"].commit == margin
    assert history.since["second"].commit == words
    assert history.standing == {start: (), old: (), margin: ("first",), words: ("first", "second")}
    write(history, repository / "history.json")
    assert read(repository / "history.json") == history


FIRST = "Claim('first', 'a', 'superior', 'l', (1, 2), 0.01),"


@pytest.mark.parametrize("changed", [FIRST.replace("first", "second"), FIRST.replace("0.01", "0.02")])
def test_claims_that_are_not_as_committed_are_an_error(repository, changed):
    commit(repository, FIRST)
    with pytest.raises(HistoryError, match="not as committed"):
        from_git(declared(changed), [], repository)


def test_a_record_of_an_unknown_commit_is_an_error_that_names_it(repository):
    commit(repository, FIRST)
    with pytest.raises(HistoryError, match=40 * "0"):
        from_git(declared(FIRST), [made_by(40 * "0")], repository)


def test_a_claim_that_was_written_on_a_branch_stands_from_the_merge_on(repository):
    base = commit(repository, "")
    git(repository, "checkout", "-q", "-b", "branch")
    commit(repository, FIRST)
    git(repository, "checkout", "-q", "-")
    git(repository, "commit", "-q", "--allow-empty", "-m", "meanwhile")
    git(repository, "merge", "-q", "--no-ff", "-m", "merge", "branch")
    merge = git(repository, "rev-parse", "HEAD")
    history = from_git(declared(FIRST), [made_by(base), made_by(merge)], repository)
    assert history.since["first"].commit == merge
    assert history.standing == {base: (), merge: ("first",)}


def test_a_shallow_clone_is_an_error_that_names_the_remedy(repository, tmp_path_factory):
    commit(repository, FIRST)
    clone = tmp_path_factory.mktemp("clones") / "shallow"
    git(repository, "clone", "-q", "--depth", "1", f"file://{repository}", str(clone))
    with pytest.raises(HistoryError, match="unshallow"):
        from_git(declared(FIRST), [], clone)


def test_records_of_both_sides_are_counted_and_no_others():
    records = [
        made_by("young", decay=2.6, rate=0.01),
        made_by("old", decay=1.0, rate=0.02),
        made_by("young", decay=6.76),
        made_by("young", decay=2.6, implementation="fastai"),
        made_by("young", name="trec6", decay=2.6),
    ]
    history = History({"first": Since("young", "2026-01-01")}, {"young": ("first",), "old": ()})

    def found(claim, records=records, history=history):
        verdict = Verdict(claim, "rt-1k", "mini", "no data", None, None, None, 0)
        return ages(claim, records_read(verdict, by_family(records), PROTOCOL), history)

    assert found(CLAIM) == Ages(2, 1)
    assert found(replace(CLAIM, right=replace(SIDE, decay=(1.0, 6.76)))) == Ages(3, 2)
    assert found(replace(CLAIM, left=replace(SIDE, less=replace(SIDE, implementation="fastai")))) == Ages(3, 2)
    chosen = [*records, made_by("young", arm="last", decay=1.0, rate=0.01)]
    assert found(replace(CLAIM, left=replace(SIDE, rate="last")), chosen) == Ages(3, 2)
    named = replace(CLAIM, left=replace(SIDE, rate=0.01), right=replace(SIDE, decay=1.0, rate=0.01))
    assert found(named) == Ages(1, 1)
    tuning = [*records, made_by("old", decay=2.6, rate=0.01, repetition=100)]
    assert (found(named, tuning), found(CLAIM, tuning)) == (Ages(1, 1), Ages(3, 1))
    assert found(CLAIM, history=History()) == Ages(2, None)
    assert not Ages(2, None).all_later


def test_a_damaged_file_is_an_error_and_none_is_an_empty_history(tmp_path):
    assert read(tmp_path / "none.json") == History()
    (tmp_path / "bad.json").write_text("{}}")
    with pytest.raises(EvidenceError, match=r"bad\.json: .*restore"):
        read(tmp_path / "bad.json")
