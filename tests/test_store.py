"""The store: whole or not at all, never over another file, broken ones set aside by name."""

from __future__ import annotations

import errno
import logging
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_record import a_record

from harness.record import SCHEMA, InvalidRecord, OtherSchema, to_json
from harness.store import RecordExists, Store, StoreError, StoreFull


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def files(store: Store) -> set[str]:
    return {path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file()}


def test_a_record_is_one_readable_line_under_its_identity(store: Store) -> None:
    store.write_record(a_record(3))
    path = store.root / "records/toy/mini/torch/freez+stlr/decay-2.6/lr-0.008/seed-3.json"
    assert path.read_text() == to_json(a_record(3)) + "\n"
    assert store.read_record(a_record(3).cell) == a_record(3)
    assert files(store) == {path.relative_to(store.root).as_posix()}, "no temporary file may stay"


@given(st.permutations(range(4)))
@settings(derandomize=True, deadline=None, max_examples=5)
def test_records_come_sorted_whatever_the_order_of_writing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    for repetition in order:
        store.write_record(a_record(repetition))
    assert store.records() == tuple(a_record(repetition) for repetition in range(4))


def test_a_second_record_of_a_cell_is_refused_and_the_first_is_kept(store: Store) -> None:
    store.write_record(a_record())
    with pytest.raises(RecordExists, match="seed-0"):
        store.write_record(a_record(title="Other"))
    assert store.records() == (a_record(),)


def test_a_record_that_appears_while_another_is_written_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def overtaken(source: Path, path: Path) -> None:
        path.write_text("the other's")
        link(source, path)

    monkeypatch.setattr(os, "link", overtaken)
    with pytest.raises(RecordExists):
        store.write_record(a_record())
    assert store.record_path(a_record().cell).read_text() == "the other's"


def test_a_record_of_another_cell_is_neither_written_nor_read(store: Store) -> None:
    with pytest.raises(ValueError, match="specifies"):
        store.write_record(replace(a_record(), cell="toy/elsewhere"))
    store.write_record(a_record(0))
    store.record_path(a_record(0).cell).rename(store.record_path(a_record(1).cell))
    with pytest.raises(InvalidRecord, match="seed-0"):
        store.read_record(a_record(1).cell)


@pytest.mark.parametrize("cell", ["", "/etc/x", "a//b", "../a", "a/../b", "a/.b", "a/", "a\\b", "a\nb"])
def test_identities_that_leave_the_store_are_refused(store: Store, cell: str) -> None:
    for path in (store.record_path, store.product_path):
        with pytest.raises(ValueError, match="not a valid"):
            path(cell)


@given(st.integers(0, len(to_json(a_record())) - 1))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_any_truncation_is_set_aside_so_that_the_cell_runs_again(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    store.write_record(a_record(0))
    store.write_record(a_record(1))
    path = store.record_path(a_record(0).cell)
    path.write_bytes(path.read_bytes()[:length])
    assert len(store.set_aside_broken()) == 1
    assert store.records() == (a_record(1),)
    store.write_record(a_record(0))
    assert store.set_aside_broken() == ()


@pytest.mark.parametrize("name", [f"{a_record().cell}.json", "toy/a cell.json"])
def test_who_only_reads_a_broken_record_is_told_what_helps(store: Store, name: str) -> None:
    path = store.root / "records" / name
    path.parent.mkdir(parents=True)
    path.write_text(to_json(a_record())[:50])
    with pytest.raises(InvalidRecord, match=rf"; `run` with --store {store.root} moves it to broken/ and measures"):
        store.records()
    assert path.exists()


def test_what_is_set_aside_is_named_numbered_and_kept(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    path = store.record_path(a_record().cell)
    path.parent.mkdir(parents=True)
    for number, content in ((1, b""), (2, b"\xff")):
        path.write_bytes(content)
        with caplog.at_level(logging.WARNING):
            (aside,) = store.set_aside_broken()
        assert aside == store.root / "broken" / f"{a_record().cell}.json.{number}"
        assert aside.read_bytes() == content
        assert str(path) in caplog.text
        assert str(aside) in caplog.text


@pytest.mark.parametrize("change", ['"schema":', '"unknown":1,"schema":'])
def test_a_record_of_another_version_is_not_broken_and_stays_where_it_is(store: Store, change: str) -> None:
    store.write_record(a_record())
    path = store.record_path(a_record().cell)
    other = path.read_text().replace(f'"schema":{SCHEMA}', f"{change}{SCHEMA + 1}")
    path.write_text(other)
    with pytest.raises(
        OtherSchema, match=rf"^{re.escape(str(path))}: record schema {SCHEMA + 1}, .*use the version that wrote it"
    ):
        store.set_aside_broken()
    assert path.read_text() == other


def test_a_broken_record_that_another_run_has_moved_is_no_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_record(a_record())

    def moved(_store: Store, cell: str) -> None:
        raise FileNotFoundError(cell)

    monkeypatch.setattr(Store, "read_record", moved)
    assert store.set_aside_broken() == ()


def test_only_old_temporary_files_are_removed(store: Store) -> None:
    store.write_record(a_record())
    folder = store.record_path(a_record().cell).parent
    old, new = (folder / f".{name}.json.12-0123abcd.tmp" for name in ("old", "new"))
    for temporary, age in ((old, 2 * 3600), (new, 60)):
        temporary.touch()
        os.utime(temporary, (time.time() - age,) * 2)
    store.set_aside_broken()
    assert {path.name for path in folder.iterdir()} == {"seed-0.json", new.name}


def test_the_name_of_a_temporary_file_is_one_that_is_removed(store: Store) -> None:
    seen: list[Path] = []
    store.write_product("model/abc", lambda path: seen.append(path) or (path.write_text("whole") and None))
    seen[0].touch()
    os.utime(seen[0], (0, 0))
    store.set_aside_broken()
    assert not seen[0].exists()


def test_files_of_others_in_the_store_stay_whatever_their_age(store: Store) -> None:
    store.write_record(a_record())
    others = [
        store.root / "elsewhere/.draft.txt.12-0123abcd.tmp",
        store.root / ".draft.12-0123abcd.tmp",
        store.root / "records/.draft.tmp",
        store.root / "records/toy/.draft.json.1-0.tmp",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    store.set_aside_broken()
    assert [path for path in others if not path.exists()] == []


@pytest.mark.parametrize("call", ["link", "fsync"])
def test_a_full_disk_is_reported_with_the_remedy_and_spoils_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store.write_record(a_record(0))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StoreFull, match=r"seed-1\.json.*MiB free.*make space"):
            store.write_record(a_record(1))
    assert store.records() == (a_record(0),)
    assert len(files(store)) == 1
    store.write_record(a_record(1))


SAVE = """
import resource, sys
from pathlib import Path
import numpy
from safetensors.numpy import save_file
from harness.store import Store, StoreFull
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    Store(Path(sys.argv[1])).write_product("big", lambda path: save_file({"weight": numpy.zeros(1000)}, path))
except StoreFull as error:
    sys.exit(0 if "make space" in str(error) else 2)
sys.exit(1)
"""


def test_a_product_that_does_not_fit_is_reported_as_a_full_store(store: Store) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    completed = subprocess.run([sys.executable, "-c", SAVE, str(store.root)], env=environment, check=False)
    assert completed.returncode == 0
    assert files(store) == set()


def test_a_root_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="check that the folder is writable"):
        Store(tmp_path / "file").write_record(a_record())


def test_a_product_is_written_once_and_only_whole(store: Store) -> None:
    def breaks(path: Path) -> None:
        path.write_text("half")
        raise KeyError("weight")

    with pytest.raises(KeyError):
        store.write_product("model/abc", breaks)
    assert not store.has_product("model/abc")
    assert files(store) == set()
    store.write_product("model/abc", lambda path: path.write_text("first") and None)
    store.write_product("model/abc", lambda path: path.write_text("second") and None)
    assert store.has_product("model/abc")
    assert store.product_path("model/abc").read_text() == "first"


@given(st.text(max_size=300), st.text(max_size=300))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_task_names_have_distinct_safe_file_names(
    tmp_path_factory: pytest.TempPathFactory, one: str, other: str
) -> None:
    store = Store(tmp_path_factory.getbasetemp())
    path = store.failure_path(one)
    assert path.parent == store.root / "failures"
    assert len(os.fsencode(path.name)) < 255
    assert (path == store.failure_path(other)) == (one == other)


def test_a_failure_is_kept_until_it_is_cleared(store: Store) -> None:
    store.write_failure("a/b", "first")
    store.write_failure("a/b", "ValueError: two\nlines", "Traceback ...")
    assert store.read_failure("a/b") == "ValueError: two lines"
    assert store.failure_path("a/b").read_text().endswith("\n\nTraceback ...")
    store.clear_failures(["a/b", "never failed"])
    assert store.read_failure("a/b") is None
