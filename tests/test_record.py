"""A record whose errors are not those that its items and epochs tell is refused, whichever was changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_record import a_record

from harness.record import Epoch, InvalidRecord, from_json, to_json


def test_a_test_error_that_the_right_items_do_not_have_is_refused() -> None:
    record = a_record()
    test = replace(record.result.test, error=0.1)
    changed = replace(record, result=replace(record.result, test=test))
    with pytest.raises(InvalidRecord, match=r"runs\.jsonl:3.*error is 0\.1.*8 of 10 items right"):
        from_json(to_json(changed), "runs.jsonl:3")


@pytest.mark.parametrize(
    ("correct", "said"),
    [
        ("/4A=", "9 of 10 items right"),
        ("/wAA", "nothing readable"),  # three bytes; ten items take two
        ("/w==", "nothing readable"),
        ("no base64", "nothing readable"),
    ],
)
def test_items_that_are_changed_cut_short_or_unreadable_are_refused(correct: str, said: str) -> None:
    record = a_record()
    changed = replace(record, result=replace(record.result, correct=correct))
    with pytest.raises(InvalidRecord, match=said):
        from_json(to_json(changed), "here")


@pytest.mark.parametrize("items", [0, -1])
def test_a_record_of_no_test_items_is_refused(items: int) -> None:
    result = a_record().result
    empty = replace(result, test=replace(result.test, items=items, error=1.0), correct="")
    with pytest.raises(InvalidRecord, match=rf"^here: not a valid record: result.test.items is {items}, at least 1"):
        from_json(to_json(replace(a_record(), result=empty)), "here")


@pytest.mark.parametrize("changed", ["the validation error", "the last epoch"])
def test_a_validation_error_that_the_last_epoch_does_not_have_is_refused(changed: str) -> None:
    """Base rates are chosen by it, so that a changed one would move more than its own cell."""
    result = a_record().result
    epochs = tuple(Epoch(number, 0.5, 0.6, error) for number, error in ((1, 0.4), (2, result.validation.error)))
    record = replace(a_record(), result=replace(result, epochs=epochs))
    assert from_json(to_json(record), "here") == record
    if changed == "the validation error":
        result = replace(record.result, validation=replace(result.validation, error=0.1))
    else:
        result = replace(record.result, epochs=(epochs[0], replace(epochs[1], validation_error=0.1)))
    with pytest.raises(InvalidRecord, match=r"here: .*validation\.error is 0\.[12], its last epoch says 0\.[12]"):
        from_json(to_json(replace(record, result=result)), "here")
