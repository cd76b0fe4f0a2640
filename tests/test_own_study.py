"""A file of texts becomes a study of its own, by the study's template and protocol, and ends with a page."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from report.synthetic import ITEMS, cell, make_record
from tiny_study import CLAIM, CODES, MAIN, PHRASES, RECIPE, run_here, tiny

from harness import campaign
from harness.command_line import main
from harness.corpus.splits import split
from harness.corpus.texts import CorpusError, RawTexts, content_digest
from harness.own_study import own_dataset, own_study
from harness.own_words import conclusion, understood
from harness.report.inputs import ReportInputs
from harness.specification import Baseline
from harness.study_definition import Study
from study.__main__ import STUDY

LABELS = ("who", "where")
ALWAYS = ("who", 0.5)  # answering with it, and its error


def pairs(count: int, start: int = 0) -> tuple[tuple[str, str], ...]:
    return tuple((PHRASES[i % 2].format(CODES[i]), LABELS[i % 2]) for i in range(start, start + count))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return tiny(tmp_path / "tiny").study


def test_parts_are_held_out_up_to_a_limit_and_repeated_texts_do_not_count() -> None:
    raw = RawTexts((*pairs(240), *pairs(20)), None)
    dataset = own_dataset("My reviews (2)", raw, 50, 120)
    assert re.fullmatch("my-reviews-2-[0-9a-f]{8}", dataset.name)
    assert dataset.title == "My reviews (2)"
    assert (dataset.test, dataset.validation) == (60, 45)
    assert (dataset.labels, dataset.language_model_documents) == (50, 120)
    assert dataset.classes == ("where", "who")
    assert dataset.digest == content_digest(raw)
    many = RawTexts(tuple((f"text {i}", LABELS[i % 2]) for i in range(20_000)), None)
    dataset = own_dataset("many", many, 1000, 10_000)
    assert (dataset.test, dataset.validation, dataset.labels) == (2000, 1000, 1000)
    assert dataset.language_model_documents == 10_000


@pytest.mark.parametrize("labels", [135, None])  # 240 - 60 - 45
def test_all_labels_and_all_texts_where_no_fewer_are_asked_for(labels: int | None) -> None:
    dataset = own_dataset("all", RawTexts(pairs(240), None), labels, 135)
    assert (dataset.labels, dataset.language_model_documents) == (None, None)


def test_other_texts_or_limits_have_another_name_so_that_they_may_share_a_store() -> None:
    raw = RawTexts(pairs(240), None)
    names = [
        own_dataset("own", texts, labels, documents).name
        for texts, labels, documents in (
            (raw, 50, 120),
            (RawTexts(pairs(240, start=1), None), 50, 120),
            (raw, 51, 120),
            (raw, 50, 121),
            (raw, None, 120),
        )
    ]
    assert len(set(names)) == len(names)
    assert own_dataset("own", raw, 50, 120).name == names[0]


def test_a_test_part_of_the_users_own_is_used_whole_and_its_texts_do_not_train() -> None:
    dataset = own_dataset("own", RawTexts(pairs(240), pairs(40)), 50, 120)
    assert (dataset.test, dataset.validation) == (None, 50)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (RawTexts(tuple((text, "same") for text, _ in pairs(240)), None), "few: all texts are of class same"),
        (RawTexts((), None), "few: all texts are of class none"),
        (RawTexts((*pairs(199), *pairs(199)), None), "few: 199 different texts .* needs 200"),
        (RawTexts(pairs(240), pairs(60)), "few: 180 different texts"),
        (RawTexts(pairs(240), pairs(240)), "few: all its texts are test texts too"),
        (
            RawTexts(tuple((text, str(i // 9)) for i, (text, _) in enumerate(pairs(240))), None),
            "few: 27 classes, .* 0, 1",
        ),
        (
            RawTexts(tuple((text, f"{i:050}") for i, (text, _) in enumerate(pairs(240))), None),
            r"few: 240 classes, such as (0{40}…, ){2}0{40}… and 237 more, in 240 texts",
        ),
        (RawTexts(pairs(240), ()), "few: there are no test texts"),
        (RawTexts(pairs(240), (("a", "Who"),)), "few: class Who has no text .* the others are where, who"),
        (RawTexts((*pairs(240), ("a", "x")), (("a", "x"),)), "few: class x has no text to train on"),
        (RawTexts((*pairs(240), ("a", "x")), (("a", "who"),)), "few: class x has no text to train on"),
        (RawTexts((*pairs(240), (pairs(1)[0][0], "x")), None), "few: class x has no text to train on"),
    ],
)
def test_too_little_is_refused(raw: RawTexts, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        own_dataset("few", raw, 50, 120)


def test_every_class_needs_a_label() -> None:
    with pytest.raises(CorpusError, match="few: 1 labels for 2 classes"):
        own_dataset("few", RawTexts(pairs(240), None), 1, 120)


def test_the_recipe_is_that_for_the_length_of_the_texts(study: Study) -> None:
    dataset = own_dataset("own", RawTexts(pairs(240), None), 50, 120)
    short, long = (own_study(study, dataset, [" ".join(["word"] * words)]) for words in (12, 13))
    names = [one.profiles["own"].sweeps[0].recipe.name for one in (short, long)]
    assert names == [RECIPE.name, "tiny-long"]
    assert [claim.places for claim in long.claims] == [((dataset.name, "tiny-long"),)]
    assert replace(long.claims[0], places=None) == CLAIM
    assert [sweep.arm for sweep in short.profiles["own"].sweeps] == [MAIN]


def test_what_is_understood_of_the_texts_is_said_before_anything_runs(study: Study) -> None:
    texts = (*pairs(240), *pairs(3), (pairs(1)[0][0], "where"), *((f"thing {code}", "what") for code in CODES[:60]))
    raw = RawTexts(texts, None)
    dataset = own_dataset("mine", raw, 50, 120)
    template = own_study(study, dataset, [text for text, _ in texts])
    plan = campaign.planned(template, campaign.Selection("own"), ())
    assert understood(dataset, raw, split(dataset, raw), (*plan.cells, *plan.later)) == (
        "mine: 304 texts of 3 classes: who 122, where 122, what 60",
        "left out: 3 training texts that repeat an earlier one, "
        "1 training texts that repeat an earlier one with another label",
        "50 of 169 training texts, 56 for validation, 75 for testing; the language model reads 120",
        "answering who always: test error 60.00 %",
        "to run, once each: 8 classifiers and 4 language models of recipe tiny",
    )


def test_parts_of_one_class_are_refused_before_anything_runs(study: Study) -> None:
    raw = RawTexts((*((f"thing {code}", "what") for code in CODES[:299]), ("a", "who")), None)
    dataset = own_dataset("rare", raw, 50, 120)
    with pytest.raises(CorpusError, match="rare: all 64 texts for testing are of class what"):
        understood(dataset, raw, split(dataset, raw), ())


def test_test_texts_that_count_twice_or_are_nearly_training_texts_are_told_of(study: Study) -> None:
    twice = (("One. Two", "who"), ("One.  Two", "who"), ("three", "where"))
    raw = RawTexts((*pairs(240), *((f"ONE, TWO{signs * '!'}", "who") for signs in range(20))), twice)
    dataset = own_dataset("own", raw, None, 120)
    plan = campaign.planned(own_study(study, dataset, ["a"]), campaign.Selection("own"), ())
    lines = understood(dataset, raw, split(dataset, raw), plan.cells)
    assert "1 test texts repeat another one: each counts, and intervals take them for different ones" in lines
    assert "1 test texts differ from a training text in case or signs alone: errors will look too low" in lines


def test_decays_that_learn_nothing_and_runs_that_diverge_are_told_of(study: Study) -> None:
    useless = own_inputs(study, {1.0: [0.5, 0.5], 2.6: [0.5, 0.5]})
    nothing = "no decay does better than answering who always: what follows says nothing about decays"
    lines = conclusion(useless, ALWAYS)
    assert "answering who always: test error 50.00 %" in lines
    assert nothing in lines
    assert nothing not in conclusion(own_inputs(study, {1.0: [0.5, 0.5], 2.6: [0.4, 0.5]}), ALWAYS)
    rare = own_inputs(study, {1.0: [0.04, 0.04], 2.6: [0.04, 0.04]})
    assert nothing in conclusion(rare, ("who", 1 - 480 / 500))  # 0.04 but for rounding
    (first, *others) = useless.records
    last = replace(others[-1], result=replace(others[-1].result, outcome="diverged"))
    diverged = replace(useless, records=(first, *others[:-1], last))
    assert "decay 2.6: 1 of its 2 final runs diverged or learnt nothing" in conclusion(diverged, ALWAYS)
    assert not any("diverged" in line for line in lines)


def test_a_study_without_a_template_says_so(study: Study) -> None:
    dataset = own_dataset("own", RawTexts(pairs(240), None), 50, 120)
    with pytest.raises(ValueError, match="give it a template"):
        own_study(replace(study, own=None), dataset, ["a"])


def test_the_real_study_asks_the_core_contrast_of_own_texts() -> None:
    assert STUDY.own is not None
    (claim,) = STUDY.own.claims
    assert {side.decay for side in claim.selectors} == set(STUDY.own.decays)
    assert {side.arm for side in claim.selectors} == {STUDY.own.arm.name}


def own_inputs(study: Study, errors: dict[float, Sequence[float]], **claim: object) -> ReportInputs:
    """Inputs of a page: final runs of both decays with these errors, tuned over two rates that are equally good."""
    protocol = replace(study.protocol, final_repetitions=tuple(range(len(errors[1.0]))))
    finals = [(decay, 0.02, n, error) for decay, found in errors.items() for n, error in enumerate(found)]
    tuning = [(decay, rate, 100, 0.3) for decay in errors for rate in (0.02, 0.05)]
    records = tuple(
        make_record(cell(decay=decay, arm=MAIN.name, rate=rate, repetition=n), error=error)
        for decay, rate, n, error in (*tuning, *finals)
    )
    return ReportInputs(records, (), (replace(CLAIM, places=None, **claim),), protocol, {})  # type: ignore[arg-type]


def test_a_verdict_finer_than_a_test_text_is_warned_of(study: Study) -> None:
    fine = own_inputs(study, {1.0: [0.3, 0.3], 2.6: [0.2, 0.2]})
    fine = replace(fine, protocol=replace(fine.protocol, margin=0.0005))
    assert conclusion(fine, ALWAYS)[-1].startswith(
        f"one of {ITEMS} test texts is 0.1 points, more than the margin of 0.05: "
    )
    assert "margin" not in conclusion(replace(fine, protocol=study.protocol), ALWAYS)[-1]


def test_how_far_a_verdict_goes_is_said_beside_it(study: Study) -> None:
    higher = [0.3 + 0.001 * (n % 3) for n in range(10)]

    def told(shift: float, spread: float, margin: float = CLAIM.margin) -> tuple[str, ...]:
        errors = [error + shift + spread * (n % 4 - 1.5) for n, error in enumerate(higher)]
        lines = conclusion(own_inputs(study, {1.0: higher, 2.6: errors}, margin=margin), ALWAYS)
        (at,) = (number for number, line in enumerate(lines) if CLAIM.sentence in line)
        return lines[at:]

    held, on_these, *_ = told(-0.003, 0.004)
    assert held.startswith("held: ")
    assert on_these == f"held on these {ITEMS} test texts: on others like them it is open, give more (--test)"
    held, near, grid, *_ = told(-0.1, 0.001)
    assert held.startswith("held: ")
    assert near.startswith("of 2 base rates 2 at decay 1 and 2 at 2.6 are within one standard error of the best")
    assert (
        grid == "over all base rates that were tried, mean validation error: 30.00 % at decay 1, 30.00 % at decay 2.6"
    )
    failed, ruled_out, *_ = told(0.004, 0.001)
    assert failed.startswith("failed: ")
    assert ruled_out.startswith("failed: an error lower by 5 points or more is ruled out; ")
    undecided, deciding, *_ = told(-0.01, 0.03, margin=0.0005)
    assert undecided.startswith("undecided: ")
    assert re.fullmatch(r"undecided: about \d\d pairs of runs like these 10 would decide it", deciding)


def test_from_a_file_to_a_page_and_again_without_measuring(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign, "run", run_here)
    monkeypatch.setenv("DFT_CACHE", str(tmp_path / "cache"))
    baseline = Baseline("tf-idf+lr", "TF-IDF", "logistic-regression", (1.0,))
    study = replace(study, baselines=(baseline,))
    file, store, output = tmp_path / "[b] mine.csv", tmp_path / "store", tmp_path / "report"

    def write(texts: tuple[tuple[str, str], ...]) -> None:
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows([("text", "label"), *texts])

    def run() -> tuple[int, list[str], str]:
        arguments = ["own", str(file), "--labels", "60", "--precision", "float32", "--workers", "1"]
        monkeypatch.setattr(sys, "argv", ["study", *arguments, "--store", str(store), "--output", str(output)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(study)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out.splitlines(), said.err

    write(pairs(220))
    (output / "mine").mkdir(parents=True)
    status, said, why = run()
    assert (status, said) == (1, [])  # before anything is measured
    assert "is not a report; name an empty or a new folder with --output" in why
    (output / "mine").rmdir()
    status, said, _ = run()
    assert status == 0
    lines = said[said.index(next(line for line in said if line.startswith("decay 1,"))) :]
    assert lines[1].startswith("decay 2.6, base rate ")
    assert said[0] == "[b] mine: 220 texts of 2 classes: who 110, where 110"  # no markup
    assert next(line for line in said if "then 4 cells whose base rates these choose, and 2 language models" in line)
    assert any(line.startswith("TF-IDF: test error ") for line in lines)
    (verdict,) = (line for line in lines if CLAIM.sentence in line)
    assert re.fullmatch(r"(held|failed|undecided): .* over seeds, .* over seeds and the 55 test texts\.", verdict)
    assert "more than the margin" not in "".join(lines)  # 1.8 points, of 5
    assert lines[-1] == f"report: {(output / 'index.html').as_uri()}"
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "<h1>Discriminative fine-tuning on [b] mine</h1>" in page
    assert "study run" not in page  # its cells are declared nowhere
    assert "fastai" not in page.partition("<main")[0].partition("</header>")[0].partition("<h1>")[2]
    glance = (output / "tables" / "at-a-glance.csv").read_text(encoding="utf-8")
    assert "∗" not in glance  # the code that measured has the claim
    records = {path: path.stat().st_mtime_ns for path in (store / "records").rglob("*.json")}
    assert len(records) == 8

    status, again, _ = run()
    assert (status, again[-len(lines) :]) == (0, lines)
    assert {path: path.stat().st_mtime_ns for path in (store / "records").rglob("*.json")} == records
    assert (output / "index.html").read_text(encoding="utf-8") == page

    write(pairs(220, start=1))
    status, _, _ = run()
    assert status == 0
    kept = {path: path.stat().st_mtime_ns for path in (store / "records").rglob("*.json")}
    assert len(kept) == 2 * len(records)
    assert kept | records == kept  # those of the first texts are as they were
