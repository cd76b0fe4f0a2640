from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from report.synthetic import RECIPE, cell, make_record, study

from harness.claims import PRIMARY, Family, Protocol
from harness.report.gallery import Plate, lead
from harness.report.inputs import ReportInputs
from harness.report.readme import END, START, ReadmeError, generated_part, updated, with_part
from harness.report.tables import rate_text
from harness.specification import cell_id
from harness.verdicts import evaluate
from study.claims import CLAIMS

PROTOCOL = Protocol((100, 101), (0, 1, 2), 0.005)
RECORDS = study(("rt-1k", "trec6"), (1.0, 2.6), finals=3)
INPUTS = ReportInputs(RECORDS, (), CLAIMS, PROTOCOL, {"rt-1k": "Tomatoes | more", "trec6": "TREC"})
PATH = Path("README.md")
OUTCOME = re.compile(r"\*\*(held|failed|undecided)\*\*")
MARKED = f"# Title\n\n{START}\nold\n{END}\n\nProse.\n"


def rows(part):
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines]


def test_the_outcome_of_each_verdict_with_data_stands_in_bold_in_the_row_of_its_claim():
    heading, _, *found = rows(generated_part(INPUTS, (), "paper"))
    judged = [verdict for verdict in evaluate(CLAIMS, RECORDS, PROTOCOL) if verdict.outcome != "no data"]
    assert len(judged) > 2
    assert r"Tomatoes \| more (compact)" in heading
    by_claim = {claim: re.findall(r"\*\*(\w+)\*\*", " ".join(cells)) for claim, *cells in found}
    assert by_claim.keys() == {claim.sentence for claim in CLAIMS}
    for claim, outcomes in by_claim.items():
        assert sorted(outcomes) == sorted(v.outcome for v in judged if v.claim.sentence == claim)


def test_the_table_is_of_the_headlines_alone_and_of_recipes_with_a_shipped_model():
    some = frozenset({"discriminative-beats-uniform-torch", "pre-training-helps"})
    _, _, *found = rows(generated_part(replace(INPUTS, headlines=some), (), "paper"))
    assert [claim for claim, *_ in found] == [claim.sentence for claim in CLAIMS if claim.name in some]


def test_verdicts_from_a_shipped_model_stand_alone_where_there_are_some():
    def recipe(record, **changes):
        new = replace(record.specification, recipe=replace(record.specification.recipe, **changes))
        return replace(record, specification=new, cell=cell_id(new))

    own = tuple(recipe(record, general=RECIPE.target) for record in RECORDS)
    shipped = tuple(recipe(record, name="compact") for record in RECORDS)
    alone, both = (generated_part(replace(INPUTS, records=of), (), "paper") for of in (own, (*shipped, *own)))
    assert "mini" in str(rows(alone))
    assert "mini" not in str(rows(both))
    assert OUTCOME.search(both)


def test_what_other_base_rates_give_is_told_where_some_were_run():
    validation = {(1.0, 0.004): 0.2, (1.0, 0.008): 0.2, (2.6, 0.004): 0.25, (2.6, 0.008): 0.25}
    test = {(1.0, 0.004): 0.2, (1.0, 0.008): 0.3, (2.6, 0.004): 0.26, (2.6, 0.008): 0.21}
    places = [("trec6", sorted(test)), ("rt-1k", [(1.0, 0.004), (2.6, 0.004)])]
    tuning = [
        make_record(cell(name, decay=decay, rate=rate, repetition=n), error=error)
        for name, _ in places
        for (decay, rate), error in validation.items()
        for n in PROTOCOL.tuning_repetitions
    ]
    finals = [
        make_record(cell(name, decay=decay, rate=rate, repetition=n), error=test[decay, rate])
        for name, ran in places
        for decay, rate in ran
        for n in PROTOCOL.final_repetitions
    ]
    part = generated_part(replace(INPUTS, records=(*tuning, *finals)), (), "paper").splitlines()
    told = "- TREC (mini, torch): −9.00 to +6.00 points, lower at 2 of 4 pairs; +6.00†‡ at the chosen one"
    assert part[part.index(told) :][1:3] == ["", "Elsewhere only the chosen pair was run."]
    whole = [r for r in (*tuning, *finals) if r.specification.dataset.name == "trec6"]
    part = generated_part(replace(INPUTS, records=tuple(whole)), (), "paper")
    assert told in part
    assert "Elsewhere" not in part


def test_tuned_rates_are_told_of_the_main_contrast():
    part = generated_part(INPUTS, (), "paper")
    uniform, discriminative = (
        next(s for s in INPUTS.summaries if s.family == Family("trec6", "mini", "fastai", "full+stlr", decay))
        for decay in (1.0, 2.6)
    )
    assert f"- TREC (mini, fastai): {rate_text(uniform)} and {rate_text(discriminative)}" in part.splitlines()
    assert "at the chosen one" not in part  # no other pair of rates ran
    assert "Elsewhere" not in part


def test_what_became_of_the_main_question_is_counted_first():
    own = [v.outcome for v in evaluate(CLAIMS, RECORDS, PROTOCOL) if v.claim.question == PRIMARY]
    shown, ruled_out, undecided = (own.count(outcome) for outcome in ("held", "failed", "undecided"))
    first, *_ = generated_part(INPUTS, (), "paper").splitlines()
    assert shown + ruled_out + undecided > 2
    assert f"in {shown + ruled_out + undecided} combinations of data set (2 of them), " in first
    assert f"a lower test error is shown in {shown}; " in first
    assert f"lower by 0.5 points or more is ruled out in {ruled_out}; {undecided} left undecided; " in first


def test_verdicts_without_data_are_counted():
    records = study(("rt-1k",), implementations=("torch",), finals=3)
    part = generated_part(replace(INPUTS, records=records), (), "paper")
    outcomes = [verdict.outcome for verdict in evaluate(CLAIMS, records, PROTOCOL)]
    absent = outcomes.count("no data")
    assert 0 < absent < len(outcomes)
    assert len(OUTCOME.findall(part)) == len(outcomes) - absent
    assert f"No data yet in {absent} of {len(outcomes)} pairs" in part


def test_without_records_there_is_no_table():
    part = generated_part(replace(INPUTS, records=()), (), "paper")
    assert "|" not in part
    assert "paper/tables/verdicts.md" in part


def test_the_figure_stands_above_its_caption_where_there_is_its_file():
    (plate,) = (plate for plate in INPUTS.plates if plate.name.startswith("error-against-decay"))
    part = generated_part(INPUTS, [f"figures/{plate.name}.svg"], "paper")
    assert re.findall(r"!\[[^]]*\]\((.*)\)\n\n(.*)", part) == [(f"paper/figures/{plate.name}.svg", plate.caption)]
    assert "![" not in generated_part(INPUTS, ["figures/agreement.svg"], "paper")


@pytest.mark.parametrize(
    ("recipes", "shown"),
    [(["mini", "compact"], "compact"), (["mini", "large"], "mini"), ([""], ""), ([], None)],
)
def test_the_figure_is_that_of_the_recipe_compact_else_the_first(recipes, shown):
    plates = [Plate(f"error-against-decay-{recipe}", "", Figure(), "", recipe) for recipe in recipes]
    undrawn = Plate("error-against-decay-compact", "", None, "", "compact")
    other = Plate("agreement-compact", "", Figure(), "", "compact")
    found = lead([other, undrawn, *plates])
    assert (found and found.recipe) == shown


def test_only_what_is_between_the_markers_changes():
    once = with_part(MARKED, "new", PATH)
    assert once == f"# Title\n\n{START}\n\nnew\n\n{END}\n\nProse.\n"
    assert with_part(once, "new", PATH) == once


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        MARKED.replace(START, ""),
        MARKED.replace(END, ""),
        MARKED.replace(START, "<!-- verdict -->"),
        MARKED + START,
        MARKED + END,
        f"{END}\n{START}\n",
    ],
)
def test_a_damaged_marker_is_named_with_the_file_and_the_remedy(damaged, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(damaged)
    with pytest.raises(ReadmeError, match=rf"^{path}: .*{START}.*{END}.*restore"):
        updated(INPUTS, (), tmp_path / "paper")


def test_a_missing_readme_is_named(tmp_path):
    with pytest.raises(ReadmeError, match=rf"^{tmp_path / 'README.md'}: no such file; restore"):
        updated(INPUTS, (), tmp_path / "paper")
