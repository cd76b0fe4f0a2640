"""The commands that write the evidence: alone at it, and told what they need."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from report.synthetic import cell, make_record
from sample_record import a_record

import harness.baselines
from harness import atomic, claim_history, evidence, evidence_list
from harness.command_line import main
from harness.stale import Stale
from harness.store import Store
from study.__main__ import STUDY


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """The exit status of the command line, run in this process."""
    monkeypatch.setattr(sys, "argv", ["study", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main(STUDY)
    return int(ended.value.code or 0)


@pytest.mark.parametrize("verb", ["export", "prune", "history", "baselines"])
def test_evidence_is_written_under_the_lock_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    results = tmp_path / "results"
    free: list[Path] = []

    def writes(path: Path, text: str) -> None:
        try:
            with FileLock(tmp_path / ".results.lock", blocking=False):
                free.append(path)
        except Timeout:
            atomic.replace_text(path, text)

    stale = make_record(cell("rt-1k", repetition=0))
    evidence.export([stale], results)
    Store(tmp_path / "store").write_record(a_record())
    history = claim_history.History()
    monkeypatch.setattr(claim_history, "from_git", lambda *_: history)
    monkeypatch.setattr(harness.baselines, "measure", lambda *_: ())
    monkeypatch.setattr("harness.stale.stale", lambda *_: Stale((stale.cell,), {}))
    for module in (evidence, evidence_list, claim_history):
        monkeypatch.setattr(module, "replace_text", writes)
    options = {"export": ("--store", tmp_path / "store"), "baselines": ("--dataset", "rt-1k")}.get(verb, ())
    before = {path.name: path.stat().st_mtime_ns for path in results.iterdir()}
    assert command(monkeypatch, verb, *options, "--results", results) == 0
    assert free == []
    assert {path.name: path.stat().st_mtime_ns for path in results.iterdir()} != before


@pytest.mark.parametrize("verb", ["prune", "adopt", "history", "plan", "overview"])
def test_a_folder_of_evidence_that_is_read_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    results = tmp_path / "reslts"
    assert command(monkeypatch, verb, "--results", results) == 1
    assert capsys.readouterr().err == f"error: {results}: no such folder of evidence; name another with --results\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("made", "fault"), [(False, "no such folder"), (True, "has no records")])
def test_an_export_of_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], made: bool, fault: str
) -> None:
    if made:
        (tmp_path / "store").mkdir()
    assert command(monkeypatch, "export", "--store", tmp_path / "store", "--results", tmp_path / "results") == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'store'}: {fault}: nothing to export; ")
    assert not (tmp_path / "results").exists()


def test_a_disk_that_is_full_is_told_with_the_file_and_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    Store(tmp_path / "store").write_record(a_record())
    monkeypatch.setattr(os, "fsync", full)
    assert command(monkeypatch, "export", "--store", tmp_path / "store", "--results", tmp_path / "results") == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'results/toy.jsonl'}: could not be written: [Errno 28] No space left")
    assert "; make space" in said


def test_an_export_waits_for_another_command_and_loses_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    results, (first, second) = tmp_path / "results", (a_record(number) for number in (0, 1))
    Store(tmp_path / "store").write_record(second)
    options = ("--store", tmp_path / "store", "--results", results)
    other = threading.Thread(target=command, args=(monkeypatch, "export", *options))
    with evidence.exclusive(results):
        other.start()
        deadline = time.monotonic() + 20
        while "waiting until it has done" not in caplog.text:
            assert time.monotonic() < deadline, "did not wait"
            time.sleep(0.01)
        evidence.export([first], results)
    other.join()
    assert {record.cell for record in evidence.load(results)} == {first.cell, second.cell}
    assert not any(results.glob(".*"))
