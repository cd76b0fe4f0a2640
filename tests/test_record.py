"""A record whose test error is not that of the items it says were right is refused, whichever was changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_record import a_record

from harness.record import InvalidRecord, from_json, to_json


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
