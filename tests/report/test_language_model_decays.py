"""The table of the language model's own decay: which arms belong together, and what each row says of them."""

from __future__ import annotations

from dataclasses import replace

from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.report.language_model_decays import language_model_decay_groups, language_model_decays_table
from harness.report.summaries import summarise
from harness.specification import LanguageModelArm, cell_id

PROTOCOL = Protocol((100,), (0, 1), 0.005)
TUNED = LanguageModelArm("full+discr+stlr", "stlr", 2.6)


def finals(arm, start, errors, perplexity=50.0):
    """Final records of the arm ``arm``, which is that of full ULMFiT, after ``start``."""
    found = []
    for repetition, error in enumerate(errors):
        plain = cell(arm="freez+stlr", repetition=repetition)
        specification = replace(plain, arm=replace(plain.arm, name=arm, start=start))
        record = make_record(specification, error=error)
        result = replace(record.result, perplexity=perplexity + repetition)
        found.append(replace(record, cell=cell_id(specification), result=result))
    return found


def groups(*records):
    return language_model_decay_groups(summarise([record for group in records for record in group], PROTOCOL))


def test_arms_that_differ_in_the_language_models_decay_alone_are_set_beside_each_other():
    found = groups(
        finals("freez+stlr", TUNED, (0.2, 0.3)),
        finals("lm-decay-1", replace(TUNED, decay=1.0), (0.25, 0.37), perplexity=60.0),
        finals("lm-full", LanguageModelArm("full", "constant", 1.0), (0.5, 0.5)),
        finals("lm-tied-low", replace(TUNED, embedding_group="bottom"), (0.5, 0.5)),
        finals("no-target-lm", "general", (0.5, 0.5)),
    )
    table = language_model_decays_table(found, {"rt-1k": "Tomatoes"})
    assert [row[:5] for row in table.rows] == [
        ("Tomatoes (mini)", "torch", "stlr", "1", "60.5"),
        ("Tomatoes (mini)", "torch", "stlr", "2.6", "50.5"),
    ]
    assert table.rows[0][-1] == "–"
    assert table.rows[1][-1].startswith("−6.00 ")
    assert table.rows[1][-3] == "25.00"


def test_language_models_that_diverged_are_counted_beside_the_mean_of_the_others():
    steep = finals("a", replace(TUNED, decay=4.192), (0.2, 0.3))
    steep[1] = replace(steep[1], result=replace(steep[1].result, perplexity=None))
    found = groups(finals("b", TUNED, (0.2, 0.3)), steep)
    assert [row[4] for row in language_model_decays_table(found, {}).rows] == ["50.5", "50.0 (1 diverged)"]


def test_without_the_uniform_rate_there_is_no_difference_and_one_decay_alone_is_no_group():
    found = groups(finals("a", TUNED, (0.2, 0.3)), finals("b", replace(TUNED, decay=4.192), (0.2, 0.3)))
    assert [row[-1] for row in language_model_decays_table(found, {}).rows] == ["–", "–"]
    assert groups(finals("a", TUNED, (0.2, 0.3))) == []
