"""The table of language models tells of each text, implementation and arm what fine-tuning did and cost."""

from __future__ import annotations

from dataclasses import replace

from synthetic import study

from harness.language_model_evidence import LanguageModelRecord
from harness.record import Record
from harness.report.language_models import language_model_groups, language_model_numbers, language_models_table
from harness.specification import LanguageModelArm

TUNED = LanguageModelArm("full+discr+stlr", schedule="stlr", decay=2.6)


def started(record: Record, start: str | None, perplexity: float | None) -> Record:
    cell = replace(record.specification, arm=replace(record.specification.arm, start=TUNED))
    inputs, result = replace(record.inputs, start=start), replace(record.result, perplexity=perplexity)
    return replace(record, specification=cell, inputs=inputs, result=result)


def model(start: str, before: float, tokens: int, speed: float) -> LanguageModelRecord:
    where = ("cpu", "float32", "a processor", "0" * 40)
    return LanguageModelRecord("rt-1k", "mini", "torch", TUNED, 0, start, before, 1.0, tokens, speed, *where)


def cells(implementation: str) -> tuple[Record, ...]:
    return study(("rt-1k",), (2.6,), (implementation,), finals=4)  # type: ignore[arg-type]


def test_models_of_one_repetition_count_once_and_only_some_are_timed() -> None:
    ours = cells("torch")
    records = [
        started(ours[0], "a", 60.0),
        started(ours[0], "a", 60.0),
        started(ours[0], "elsewhere", 62.0),
        started(ours[1], "b", 63.0),
        started(ours[2], None, None),
    ]
    fewer = replace(records[0].specification, dataset=replace(records[0].specification.dataset, name="rt-9", title="9"))
    records.insert(0, replace(records[0], specification=replace(fewer, dataset=replace(fewer.dataset, labels=9))))
    groups = language_model_groups(records, [model("a", 100.0, 120_000, 1000.0), model("z", 1.0, 1, 1.0)])
    (row,) = language_models_table(groups.values()).rows
    assert row[:2] == ("RT-1K (mini)", "torch")  # most of the records are of that data set
    assert row[2:] == ("full+discr+stlr", "2.6", "2", "100.00", "62.00 (1.41)", "1", "120", "2.0")
    timed = [
        model("a", 100.0, 120_000, 1000.0),
        model("b", 102.0, 120_000, 500.0),
        model("elsewhere", 101.0, 120_000, 800.0),
    ]
    (row,) = language_models_table(language_model_groups(records, timed).values()).rows
    assert (row[5], row[7], row[9]) == ("101.00", "3", "2.5 (2.0–4.0)")


def test_a_single_model_without_times_has_no_spread_and_no_cost() -> None:
    groups = language_model_groups([started(cells("torch")[0], "a", 60.0)], [])
    assert language_models_table(groups.values()).rows[0][4:] == ("1", "–", "60.00", "0", "–", "–")


def test_a_model_that_diverged_is_counted_and_has_no_perplexity() -> None:
    ours = cells("torch")
    records = [started(ours[0], "a", 60.0), started(ours[1], "b", None)]
    (row,) = language_models_table(language_model_groups(records, []).values()).rows
    assert row[4:7] == ("2 (1 diverged)", "–", "60.00")
    (row,) = language_models_table(language_model_groups(records[1:], []).values()).rows
    assert row[4:7] == ("1 (1 diverged)", "–", "–")
    theirs = started(cells("fastai")[0], "c", None)
    assert language_model_numbers(language_model_groups([*records, theirs], [])) == {"language-models": ()}


def test_the_prose_tells_of_texts_that_both_implementations_read() -> None:
    ours, theirs = cells("torch"), cells("fastai")
    records = [
        started(ours[0], "a", 60.0),
        started(ours[1], "b", 61.0),
        started(theirs[0], "c", 59.0),
    ]
    lower = replace(TUNED, decay=1.0)
    alone = replace(records[0].specification, arm=replace(records[0].specification.arm, start=lower))
    other = replace(records[0], specification=alone, inputs=replace(records[0].inputs, start="d"))
    found = language_model_numbers(language_model_groups([*records, other], []))
    (key,) = found["language-models"]
    assert (found[f"{key}/torch"], found[f"{key}/fastai"], found[f"{key}/title"]) == ("60.5", "59.0", "RT-1K (mini)")


def test_a_model_from_the_general_one_or_from_none_is_not_a_row() -> None:
    record = started(cells("torch")[0], "a", 60.0)
    arms = (replace(record.specification.arm, start=start) for start in ("general", "random"))
    records = [replace(record, specification=replace(record.specification, arm=arm)) for arm in arms]
    assert language_model_groups(records, []) == {}
    assert language_model_numbers({}) == {"language-models": ()}
