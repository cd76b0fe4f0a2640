from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import typst
from report.synthetic import RECIPE, cell, diverged, make_record, study
from typer.testing import CliRunner

import harness.report
from harness.baseline_evidence import BaselineRecord, BaselineRun
from harness.claims import Claim, Protocol, Selector
from harness.command_line import app
from harness.report.inputs import ReportInputs
from harness.report.numbers import numbers
from harness.report.paper import PaperError, build, compile_paper
from harness.report.readme import END, START, generated_part
from harness.specification import Baseline, cell_id
from study.__main__ import STUDY
from study.claims import CLAIMS

SOURCE = Path(harness.report.__file__).parents[2] / "paper"
PROTOCOL = Protocol((100, 101), (0, 1, 2), 0.005)
RECORDS = study(("rt-1k", "trec6"), (1.0, 2.6, 4.19), finals=3)
INPUTS = ReportInputs(RECORDS, (), CLAIMS, PROTOCOL, {"rt-1k": "Tomatoes *and* #more", "trec6": "TREC"})
SIDES = Selector("torch", "full+stlr", 2.6), Selector("torch", "full+stlr", 1.0)


def baseline(name: str, error: float) -> BaselineRecord:
    record = make_record(cell())
    return BaselineRecord(
        dataset=record.specification.dataset,
        baseline=Baseline(name, f"Model {name}", "nb-svm", (0.1, 1.0)),
        tuning=((0.1, 0.3), (1.0, 0.2)),
        strength=1.0,
        runs=tuple(BaselineRun(n, error, error, "") for n in range(2)),
        scikit_learn="1",
        environment=record.environment,
        finished=record.finished,
    )


def found(records, claims=CLAIMS, protocol=PROTOCOL, baselines=()):
    inputs = ReportInputs(records, (), claims, protocol, INPUTS.titles, baselines)
    return numbers(inputs)


def pairs(differences, protocol):
    """Records of both sides of ``SIDES`` whose test errors differ by ``differences``."""
    return [
        make_record(cell(decay=decay, repetition=n), error=0.3 + (difference if decay > 1 else 0))
        for n, difference in zip(protocol.final_repetitions, differences, strict=True)
        for decay in (1.0, 2.6)
    ]


@pytest.fixture
def folder(tmp_path):
    generated = shutil.ignore_patterns("*.pdf", "*.json", "*.svg", "tables", "figures")
    return Path(shutil.copytree(SOURCE, tmp_path / "paper", ignore=generated))


def test_the_paper_is_built_from_the_records_and_twice_to_the_same_bytes(folder):
    built = build(INPUTS, folder)
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert built.pdf.read_bytes().startswith(b"%PDF")
    assert built.unused == ()
    (folder / "figures/old.svg").write_text("of an earlier build")
    build(INPUTS, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first


def test_a_number_that_does_not_exist_fails_the_build_and_leaves_the_earlier_paper(folder):
    (folder / "paper.pdf").write_bytes(b"earlier")
    with (folder / "sections/threats.typ").open("a") as file:
        file.write('#number("study/happiness")')
    with pytest.raises(PaperError, match="no number called study/happiness"):
        build(INPUTS, folder)
    assert (folder / "paper.pdf").read_bytes() == b"earlier"


def test_a_number_that_the_text_never_uses_is_listed(folder):
    path = folder / "sections/reproduction.typ"
    path.write_text(path.read_text().replace('#number("study/core-hours")', "some"))
    assert build(INPUTS, folder).unused == ("study/core-hours",)


def test_a_missing_source_and_a_fault_in_it_are_named(folder, tmp_path):
    with pytest.raises(PaperError, match=r"has no paper\.typ"):
        build(INPUTS, tmp_path)
    (folder / "paper.typ").write_text("#let = 1")
    with pytest.raises(PaperError, match=r"paper\.typ: "):
        build(INPUTS, folder)
    (folder / "paper.typ").write_text("Some text.")
    with pytest.raises(PaperError, match=r"paper\.typ: 0 marks called <end-of-body>"):
        build(INPUTS, folder)


def test_the_paper_stands_without_records_and_with_one_family_and_baselines(folder):
    build(replace(INPUTS, records=()), folder)
    one = (make_record(cell()), make_record(cell(repetition=1)))
    build(replace(INPUTS, records=one, baselines=(baseline("a", 0.2),)), folder)


@pytest.mark.parametrize(("decays", "contrasts"), [((1.0, 2.6), 4), ((2.6,), 0), ((), 0)])
def test_cells_that_were_measured_again_are_told_of(folder, decays, contrasts):
    finals = [record for record in RECORDS if record.specification.arm.decay in decays]
    places = [replace(record.environment, precision="bfloat16") for record in finals]
    again = [replace(r, environment=place) for r, place in zip(finals, places, strict=True)]
    paper = build(replace(INPUTS, again={"elsewhere": tuple(again)} if again else {}), folder)
    assert paper.unused == ()
    numbers = json.loads((folder / "numbers.json").read_text())
    assert numbers["again/contrasts"] == contrasts
    assert (numbers["again/precisions/cells"] > 0) is bool(again)


@pytest.mark.parametrize("kind", ["superior", "equivalent"])
@pytest.mark.parametrize("mean", [-0.1, -0.004, 0.0, 0.004, 0.1])
def test_every_verdict_has_its_sentence(folder, kind, mean):
    protocol = Protocol((100, 101), tuple(range(8)), 0.005)
    differences = [mean + 0.001 * (n % 3 - 1) for n in range(8)]
    claim = Claim("c", "A sentence.", kind, *SIDES, 0.005)
    records = tuple(pairs(differences, protocol))
    outcome = found(records, (claim,), protocol)["verdict/c/rt-1k/mini/outcome"]
    inputs = replace(INPUTS, records=records, claims=(claim,), protocol=protocol)
    assert build(inputs, folder).unused == ()
    strong = json.loads(typst.Compiler(folder / "paper.typ", root=folder).query("strong", field="body"))
    assert {body.get("text") for body in strong} & {"held", "failed", "undecided"} == {outcome}


def test_each_figure_is_shown_once_and_the_smallest_recipes_in_the_appendix(folder):
    recipe = RECORDS[0].specification.recipe
    larger = replace(recipe, name="compact", size=replace(recipe.size, hidden=256))
    again = [replace(record.specification, recipe=larger) for record in RECORDS]
    again = [replace(r, specification=s, cell=cell_id(s)) for r, s in zip(RECORDS, again, strict=True)]
    build(replace(INPUTS, records=(*RECORDS, *again)), folder)
    captions = json.loads((folder / "figures/captions.json").read_text())
    assert {caption["recipe"] for caption in captions} == {"mini", "compact"}
    assert sorted(shown(folder)) == sorted(caption["caption"] for caption in captions)
    drawn = {caption["name"]: (folder / caption["file"]).read_text().partition('width="')[2] for caption in captions}
    points = {name: float(text.partition("pt")[0]) for name, text in drawn.items()}
    assert {caption["name"]: caption["wide"] for caption in captions} == {name: at > 245 for name, at in points.items()}
    assert set(map(bool, (caption["wide"] for caption in captions))) == {True, False}
    appendix = folder / "sections/appendix.typ"
    appendix.write_text(appendix.read_text().replace("not in-body(plate)", "false"))
    missing = {caption["caption"] for caption in captions} - set(shown(folder))
    assert missing
    assert all("Recipe mini" in caption for caption in missing)


def shown(folder):
    return json.loads(typst.Compiler(folder / "paper.typ", root=folder).query("image", field="alt"))


def test_the_numbers_are_sorted_and_plain():
    every = found(RECORDS)
    assert list(every) == sorted(every)
    assert {type(value) for value in every.values()} <= {str, int, tuple}


def test_a_place_without_records_is_named_by_its_title():
    nowhere = replace(CLAIMS[0], places=(("trec6", "mini"),))
    assert found((), (nowhere,))[f"verdict/{nowhere.name}/trec6/mini/title"] == "TREC (mini)"


def test_a_verdict_is_stated_with_its_numbers():
    protocol = Protocol((100, 101), tuple(range(8)), 0.005)
    claim = Claim("c", "A sentence.", "superior", *SIDES, 0.005)
    every = found(pairs([-0.02] * 8, protocol), (claim,), protocol)
    verdict = {name.rpartition("/")[2]: value for name, value in every.items() if name.startswith("verdict/")}
    assert (verdict["outcome"], verdict["difference"], verdict["pairs"]) == ("held", "−2.00", "8")
    assert (verdict["interval"], verdict["side"], verdict["p"]) == ("[−2.00, −2.00]", "below", "0.008")
    assert (every["outcomes/held"], every["outcomes/failed"]) == (1, 0)
    planned = Protocol((100, 101), tuple(range(10)), 0.005)
    partly = found(pairs([-0.02] * 8, protocol), (claim,), planned)
    assert [value for name, value in partly.items() if name.startswith("verdict/") and name.endswith("/pairs")] == [
        "8 of 10"
    ]


def test_verdicts_of_the_main_question_are_apart_where_no_shipped_model_is_the_start():
    claim = Claim("c", "A sentence.", "superior", *SIDES, 0.005)
    protocol = Protocol((100, 101), tuple(range(8)), 0.005)
    shipped = pairs([-0.02] * 8, protocol)
    own = [
        (record, replace(record.specification, recipe=replace(RECIPE, name="own", general=RECIPE.target)))
        for record in pairs([0.02] * 8, protocol)
    ]
    own = [replace(record, specification=new, cell=cell_id(new)) for record, new in own]
    every = found([*shipped, *own], (claim,), protocol)
    key = "verdict/c/rt-1k/"
    assert (every["claim/c/shipped/held"], every["claim/c/shipped/failed"]) == ((f"{key}mini",), ())
    assert (every["claim/c/unshipped/held"], every["claim/c/unshipped/failed"]) == ((), (f"{key}own",))
    assert (every["in-short"], every["in-short/lower/names"]) == (
        1,
        ("Tomatoes *and* #more (mini), full+stlr of torch",),
    )


def test_a_verdict_names_an_edge_where_a_side_was_judged_at_one():
    claim = Claim("c", "A sentence.", "superior", *SIDES, 0.005)
    tuning = [
        make_record(cell(decay=decay, rate=rate, repetition=n), error=error)
        for decay, errors in ((1.0, (0.3, 0.2, 0.1)), (2.6, (0.3, 0.2, 0.3)))
        for rate, error in zip((0.004, 0.008, 0.016), errors, strict=True)
        for n in (100, 101)
    ]
    finals = [make_record(cell(decay=d, rate=r, repetition=n)) for d, r in ((1.0, 0.016), (2.6, 0.008)) for n in (0, 1)]
    assert found([*tuning, *finals], (claim,))["verdict/c/rt-1k/mini/marks"] == "†"
    inside = [replace(r, specification=replace(r.specification, base_rate=0.008)) for r in finals]
    level = [make_record(r.specification, error=0.2) if r.specification.base_rate == 0.016 else r for r in tuning]
    level = [make_record(r.specification, error=0.1) if r.specification.base_rate == 0.008 else r for r in level]
    inside = [replace(r, cell=cell_id(r.specification)) for r in inside]
    assert found([*level, *inside], (claim,))["verdict/c/rt-1k/mini/marks"] == "–"
    fixed = replace(claim, left=replace(SIDES[0], rate=0.008), right=replace(SIDES[1], rate=0.016))
    assert found([*tuning, *finals], (fixed,))["verdict/c/rt-1k/mini/marks"] == "–"


def test_counts_hours_and_commits_are_those_of_the_records():
    slow = make_record(cell())
    slow = replace(slow, cost=replace(slow.cost, cpu_seconds=5286.0))
    records = (slow, diverged(make_record(cell(repetition=1))), make_record(cell(repetition=100)))
    records = (*records, make_record(cell(repetition=101)))
    every = found(records)
    assert (every["study/cells"], every["study/cells/tuning"], every["study/cells/final"]) == (4, 2, 2)
    assert (every["study/cells/diverged"], every["study/core-hours"]) == (1, "1.5")
    assert every["environment/commits"] == ("0123456789",)


def test_final_repetitions_at_other_rates_than_the_chosen_are_counted_apart():
    tuning = [make_record(cell(rate=r, repetition=n), error=10 * r) for r in (0.004, 0.008) for n in (100, 101)]
    finals = [make_record(cell(rate=0.004)), diverged(make_record(cell(rate=0.008)))]
    every = found([*tuning, *finals])
    assert (every["study/cells/tuning"], every["study/cells/final"], every["study/cells/other-rates"]) == (4, 1, 1)
    assert (every["study/cells/diverged/final"], every["study/cells/diverged/other-rates"]) == (0, 1)
    assert every["study/grids"] == "0.004 to 0.008 (mini)"
    assert every["tuning/families"] == 1


def test_a_family_without_rates_to_choose_from_was_not_tuned():
    assert found([make_record(cell(repetition=n)) for n in range(3)])["tuning/families"] == 0


def test_a_sweep_names_the_decay_with_the_lowest_error_and_what_2_6_changes():
    errors = {0.62: 0.2, 1.0: 0.3, 2.6: 0.25, 4.19: 0.4}
    records = [make_record(cell(decay=d, repetition=n), error=e) for d, e in errors.items() for n in range(3)]
    every = found(records)
    key = "sweep/rt-1k/mini/torch"
    assert (every["sweeps"], every[f"{key}/decays"], every[f"{key}/lowest/decay"]) == ((key,), 4, "0.62")
    assert (every["sweeps/whole"], every["sweeps/whole/decays"]) == ((key,), 4)
    assert every[f"{key}/contrast"] == "−5.00 / −5.00"
    assert (every["sweeps/contrasts"], every["sweeps/contrasts/test"], every["sweeps/contrasts/apart"]) == (1, 1, 0)
    assert every["sweeps/contrasts/datasets"] == 1
    assert every[f"{key}/lowest/difference"] == "−10.00 [−10.00, −10.00]"
    assert every[f"{key}/discriminative/error"].startswith("25.00")


def test_a_difference_of_runs_in_two_precisions_is_marked_and_the_uniform_rate_has_none():
    def in_half(decay):
        errors = {0.62: 0.2, 1.0: 0.1 if decay == 1.0 else 0.3, 2.6: 0.25}
        found = [make_record(cell(decay=d, repetition=n), error=e) for d, e in errors.items() for n in range(3)]
        last = max(n for n, record in enumerate(found) if record.specification.arm.decay == decay)
        found[last] = replace(found[last], environment=replace(found[last].environment, precision="bfloat16"))
        return found

    key, last = "sweep/rt-1k/mini/torch", ("contrast", "lowest/difference")
    shown = {decay: [found(in_half(decay))[f"{key}/{name}"] for name in last] for decay in (0.62, 1.0, 2.6)}
    assert shown[0.62] == ["−5.00 / −5.00", "−10.00 [−10.00, −10.00]§"]
    assert shown[1.0] == ["+15.00 / +15.00§", "–"]
    assert shown[2.6] == ["−5.00 / −5.00§", "−10.00 [−10.00, −10.00]"]
    assert [found(in_half(decay))["sweeps/mixed"] for decay in (1.0, 2.6)] == [1, 1]


def test_a_decay_that_lacks_repetitions_is_not_in_its_sweep():
    errors = {1.0: 0.3, 2.6: 0.25, 4.19: 0.1}
    records = [make_record(cell(decay=d, repetition=n), error=e) for d, e in errors.items() for n in range(3)]
    every = found(records[:-1])
    assert (every["sweep/rt-1k/mini/torch/decays"], every["sweep/rt-1k/mini/torch/lowest/decay"]) == (2, "2.6")


def test_the_spread_is_the_standard_deviation_over_seeds():
    errors = (0.2, 0.3, 0.4)
    every = found([make_record(cell(repetition=n), error=error) for n, error in enumerate(errors)])
    assert every["spread/rt-1k/mini/median"] == "10.00"
    assert every["spread/rt-1k/mini/of-items"] == f"{100 * (0.3 * 0.7 / 1000) ** 0.5:.2f}"


def test_the_better_baseline_is_stated_beside_the_best_family():
    records = [make_record(cell(repetition=n), error=0.25) for n in range(3)]
    every = found(records, baselines=(baseline("a", 0.3), baseline("b", 0.2)))
    assert every["baseline/rt-1k/model"] == "Model b"
    assert (every["baseline/rt-1k/error"], every["baseline/rt-1k/fine-tuned"]) == ("20.00", "25.00")
    assert every["baseline/rt-1k/family"] == f"{records[0].specification.arm.name}, 2.6"
    assert (every["baseline/rt-1k/scratch"], every["baselines/scratch"]) == ("–", 0)
    assert found((), baselines=(baseline("a", 0.3),))["baselines"] == ()


def test_training_from_scratch_is_stated_beside_the_baseline_whatever_is_better():
    records = [make_record(cell(repetition=n), error=0.25) for n in range(3)]
    for name, error in (("scratch", 0.28), ("worse", 0.3)):
        made = [make_record(cell(arm=name, repetition=n), error=error) for n in range(3)]
        new = [replace(r.specification, arm=replace(r.specification.arm, start="random")) for r in made]
        records += [replace(r, specification=own, cell=cell_id(own)) for r, own in zip(made, new, strict=True)]
    every = found(records, baselines=(baseline("a", 0.27),))
    assert (every["baseline/rt-1k/scratch"], every["baseline/rt-1k/fine-tuned"]) == ("28.00", "25.00")
    assert (every["baselines/scratch"], every["baselines/scratch-higher"]) == (1, 1)
    assert found(records, baselines=(baseline("a", 0.29),))["baselines/scratch-higher"] == 0


def test_what_held_of_movement_is_counted_apart():
    protocol = Protocol((100, 101), tuple(range(8)), 0.005)
    errors = pairs([-0.02] * 8, protocol)
    error = Claim("c", "A sentence.", "superior", *SIDES, 0.005)
    moved = [replace(side, measure="movement of the lowest layer") for side in SIDES]
    every = found(errors, (error, replace(error, name="m", left=moved[0], right=moved[1])), protocol)
    assert every["outcomes/held/movement"] == every["outcomes/held"] - 1


def test_compiling_reports_the_names_that_were_used(folder):
    build(INPUTS, folder)
    _, used, _ = compile_paper(folder)
    assert {"study/cells", "claims", "outcomes/held"} <= used


def test_the_command_builds_the_paper_on_request_and_names_unused_numbers(folder, tmp_path):
    path = folder / "sections/reproduction.typ"
    path.write_text(path.read_text().replace('#number("study/core-hours")', "some"))
    (tmp_path / "README.md").write_text(f"Before.\n{START}\n{END}\nAfter.\n")
    (tmp_path / "none").mkdir()
    places = ["--results", str(tmp_path / "none"), "--output", str(tmp_path / "report"), "--paper", str(folder)]
    said = CliRunner().invoke(app, ["report", *places], obj=STUDY)
    empty = replace(INPUTS, records=(), claims=STUDY.claims)
    assert said.exit_code == 0
    assert (folder / "paper.pdf").as_uri() in said.output
    assert "number that the paper does not use: study/core-hours" in said.output
    before, after = (tmp_path / "README.md").read_text().split(generated_part(empty, (), "paper"))
    assert (before, after) == (f"Before.\n{START}\n\n", f"\n\n{END}\nAfter.\n")


def test_the_introduction_repeats_the_published_contrasts_of_discriminative_rates():
    source = (SOURCE / "sections/introduction.typ").read_text(encoding="utf-8")
    stages = {"language model": "6", "classifier": "7"}
    rows = re.findall(r"^    \[([a-z ]+): (.+) → (.+)\], \[(.+)\], \[(.+)\], \[(.+)\],$", source, flags=re.MULTILINE)
    assert len(rows) == 4
    for stage, before, after, *told in rows:
        (contrast,) = (
            one
            for one in STUDY.published.contrasts
            if (one.after.table, one.before.name, one.after.name) == (stages[stage], before, after)
        )
        sides = (contrast.before.percent, contrast.after.percent)
        assert told == [" → ".join(f"{side[name]:.2f}" for side in sides) for name in STUDY.published.datasets]
