from __future__ import annotations

import pytest

from harness import atomic
from harness.atomic import StoreError, StoreFull, replace_file, replace_text


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new folder" / "facts.json"
    for text in ("first ×\n", "second\n"):
        replace_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "facts.json"
    replace_text(path, "first")

    def half(temporary):
        temporary.write_text("sec")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(path, half)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_its_name_only_once_it_is_on_the_disk(tmp_path, monkeypatch):
    path = tmp_path / "facts.json"

    def refuse(temporary):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "synchronize", refuse)
    with pytest.raises(StoreFull, match=r"facts\.json: .*No space left on device \(\d+ MiB free\); make space"):
        replace_text(path, "first")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_named_with_what_helps(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(
        StoreError, match=r"results/facts\.json: could not be written: .*; check that the folder is wri"
    ):
        replace_text(tmp_path / "results" / "facts.json", "first")
