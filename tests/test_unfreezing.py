from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.specification import Unfreezing
from harness.unfreezing import trainable_groups

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)
THAWING: tuple[Unfreezing, ...] = ("all", "gradual", "chain-thaw")


def table(unfreezing: Unfreezing, epochs: int, groups: int = 5) -> list[str]:
    """One row an epoch, lowest group first; ``#`` trains."""
    rows = [trainable_groups(unfreezing, epoch, groups) for epoch in range(epochs)]
    return ["".join("#" if trains else "." for trains in row) for row in rows]


@pytest.mark.parametrize(
    ("unfreezing", "rows"),
    [
        ("all", ["#####"] * 7),
        ("last", ["....#"] * 7),
        ("gradual", ["....#", "...##", "..###", ".####", "#####", "#####", "#####"]),
        ("chain-thaw", ["....#", "#....", ".#...", "..#..", "...#.", "#####", "#####"]),
    ],
)
def test_five_groups_thaw_in_this_order(unfreezing: Unfreezing, rows: list[str]) -> None:
    assert table(unfreezing, 7) == rows


@SETTINGS
@given(st.sampled_from(THAWING), st.integers(1, 12))
def test_every_group_has_trained_after_the_epochs_to_thaw_and_not_before(unfreezing: Unfreezing, groups: int) -> None:
    needed = 1 if unfreezing == "all" else groups
    trained = [any(column) for column in zip(*table_of_truths(unfreezing, needed, groups), strict=True)]
    assert all(trained)
    earlier = table_of_truths(unfreezing, needed - 1, groups)
    assert not all(any(row[group] for row in earlier) for group in range(groups))


@SETTINGS
@given(st.sampled_from(THAWING), st.integers(1, 12))
def test_all_groups_train_together_in_the_end(unfreezing: Unfreezing, groups: int) -> None:
    assert all(trainable_groups(unfreezing, groups, groups))


def test_last_never_trains_another_group() -> None:
    assert trainable_groups("last", 1000, 5) == (False, False, False, False, True)


def test_an_unknown_unfreezing_is_named() -> None:
    with pytest.raises(ValueError, match="unknown unfreezing 'sideways'"):
        trainable_groups(cast(Unfreezing, "sideways"), 0, 5)


def table_of_truths(unfreezing: Unfreezing, epochs: int, groups: int) -> list[tuple[bool, ...]]:
    return [trainable_groups(unfreezing, epoch, groups) for epoch in range(epochs)]
