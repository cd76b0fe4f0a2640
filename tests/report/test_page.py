from __future__ import annotations

import html
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report.synthetic import cell, make_record, study

import harness.report
from harness.claims import Family, Protocol
from harness.coverage import Gap
from harness.evidence import Place
from harness.report.inputs import ReportInputs
from harness.report.page import render
from harness.reproduction import compare
from study.claims import CLAIMS
from study.published import PUBLISHED

ROOT = Path(harness.report.__file__).parents[2]
PROTOCOL = Protocol((100, 101), (0, 1), 0.005)
RECORDS = study(("rt-1k",), finals=2)
FAMILY = Family("rt-1k", "mini", "torch", "full+stlr", 6.76)
INPUTS = ReportInputs(
    records=RECORDS,
    comparison=compare([make_record(cell(repetition=0))], RECORDS),
    claims=CLAIMS,
    protocol=PROTOCOL,
    gaps=(Gap("larger", FAMILY, 12, 5),),
    titles={"rt-1k": "Tomatoes <script>alert(1)</script> & more"},
    published=PUBLISHED,
    places={record.cell: Place(ROOT / "results/rt-1k.jsonl", n) for n, record in enumerate(RECORDS, start=1)},
    profiles={record.cell: "full" for record in RECORDS},
)


class Structure(HTMLParser):
    """Collects ids, headings and addresses, and checks that elements are closed in order."""

    EMPTY = frozenset(("meta", "br", "link", "img"))

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.addresses, self.headings = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


ULMFIT = "https://arxiv.org/abs/1801.06146"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return render(INPUTS, tmp_path_factory.mktemp("report") / "out")


def parse(page):
    structure = Structure()
    structure.feed(page.read_text())
    assert structure.open == []
    return structure


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_page_is_whole_and_needs_nothing_from_outside(report):
    structure = parse(report)
    text = report.read_text()
    elsewhere = {address for address in structure.addresses if not address.startswith("#")}
    assert elsewhere == set(re.findall(r'<a href="((?!#)[^"]*)"', text))  # links to evidence: nothing is loaded
    assert [address for address in elsewhere - {ULMFIT} if not address.endswith("/results/rt-1k.jsonl")] == []
    assert {address[1:] for address in structure.addresses if address.startswith("#")} <= set(structure.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(structure.ids)
    assert re.findall(r"url\((?!#)|@import|<link|<iframe", text) == []


def test_the_contents_link_each_heading_in_order(report):
    structure, text = parse(report), report.read_text()
    (contents,) = re.findall(r'<nav aria-label="Contents">(.*?)</nav>', text, flags=re.DOTALL)
    assert re.findall(r'<a href="#[^"]+">([^<]*)</a>', contents) == [html.escape(one) for one in structure.headings]


def test_the_first_figure_stands_below_the_verdicts_and_once(report):
    text = report.read_text()
    numbers = [int(number) for number in re.findall(r"<figcaption[^>]*>Figure (\d+)\.", text)]
    assert numbers == list(range(1, len(numbers) + 1))
    (first,) = (place.start() for place in re.finditer('<figure id="figure-error-against-decay', text))
    assert text.index('<h2 id="verdicts">') < first < text.index('<h2 id="errors">')


def test_ids_are_unique_although_several_figures_are_inlined(report):
    ids = parse(report).ids
    assert len(ids) > 50
    assert len(set(ids)) == len(ids)


def test_the_sections_come_in_order(report):
    assert parse(report).headings == [
        "Verdicts",
        "This run against the committed evidence",
        "Errors",
        "Sensitivity to the base rate",
        "Other rates that validation data would allow",
        "Beside the paper",
        "The two implementations at the same base rate",
        "Figures",
        "All cells",
        "Data sets",
        "Environments",
        "What is missing",
        "Running one cell again",
    ]


def test_text_from_records_and_titles_is_escaped(report):
    text = report.read_text()
    assert "<script>alert" not in text
    assert "<unnamed>" not in text
    assert "Tomatoes &lt;script&gt;" in text


def test_each_cell_is_listed_with_its_command(report):
    found = dict(
        re.findall(r"<summary><code>([^<]*)</code></summary><code class=\"command\">([^<]*)<", report.read_text())
    )
    found.pop("rt-1k/mini/torch/full+stlr/decay-6.76")
    assert set(found) == {record.cell for record in RECORDS}
    start = ".nox/shared/bin/python -m study run --profile"
    assert all(command.startswith(f"{start} full --cell {cell}") for cell, command in found.items())


def test_families_of_which_cells_are_missing_are_listed_by_profile_with_their_command(report):
    text = report.read_text()
    command = "study run --profile larger --dataset rt-1k --implementation torch --arm full+stlr --decay 6.76"
    name = re.escape("rt-1k/mini/torch/full+stlr/decay-6.76")
    listed = rf"<td>larger</td><td><details[^>]*><summary><code>{name}</code></summary>"
    (found,) = re.findall(rf"{listed}<code[^>]*>([^<]*)</code></details></td><td[^>]*>12</td><td[^>]*>5</td>", text)
    assert found.endswith(command)


def test_a_cell_that_no_profile_has_and_no_file_holds_has_neither_command_nor_link(tmp_path):
    text = render(replace(INPUTS, places={}, profiles={}), tmp_path).read_text()
    assert f"<code>{RECORDS[0].cell}</code>" in text
    assert "study run" not in text
    assert "decay-6.76" in text
    assert set(re.findall(r'<a href="((?!#)[^"]*)"', text)) == {ULMFIT}


def test_figures_and_tables_are_files_as_well(report):
    names = set(files(report.parent))
    tables = {name.removeprefix("tables/") for name in names if name.startswith("tables/")}
    glances = ("at-a-glance", "at-a-glance-own-text")
    published = ("published-errors", "published-contrasts")
    measured = (
        "baselines",
        "same-rates",
        "again",
        "contrasts-again",
        "variance",
        "pretraining",
        "tokens",
        "claims",
        "coverage",
        "language-models",
        "language-model-decays",
    )
    stems = ("verdicts", "errors", "areas", "near-rates", "tuning-budget", *glances, *published, *measured)
    assert tables == {f"{stem}.{ending}" for stem in stems for ending in ("md", "tex", "csv")}
    assert {"figures/error-against-decay.svg", "figures/tuning-rt-1k.svg"} <= names
    svgs = {name[:-4] for name in names if name.endswith(".svg")}
    assert svgs == {name[:-4] for name in names if name.endswith(".png")}
    assert report.read_text().count("<svg") == len(svgs)


def test_two_seeds_and_one_decay_still_make_a_page(tmp_path):
    inputs = replace(INPUTS, records=study(("rt-1k",), (2.6,), ("fastai",), finals=2), comparison=(), gaps=())
    text = render(inputs, tmp_path).read_text()
    assert "<li>agreement: an arm with final repetitions in both implementations</li>" in text
    assert "<li>low-shot: two data sets that differ only in their number of labels</li>" in text
    assert "no data" in text
    assert "Families of which cells are missing" not in text


def test_no_records_make_a_page_that_says_so(tmp_path):
    page = render(replace(INPUTS, records=(), comparison=()), tmp_path)
    assert "There are no records yet" in page.read_text()
    assert "decay-6.76" in page.read_text()
    parse(page)


def test_an_incomplete_family_and_a_rate_on_the_edge_are_named(tmp_path):
    records = [make_record(cell(rate=rate, repetition=n), error=rate) for rate in (0.1, 0.2) for n in (100, 101)]
    records += [make_record(cell(decay=1.0, repetition=100))]
    text = re.sub(r"\s+", " ", render(replace(INPUTS, records=tuple(records), comparison=()), tmp_path).read_text())
    assert "decay-2.6</code>: final repetitions 0, 1 at base rate 0.1<" in text
    assert "decay-1</code>: tuning incomplete, no base rate chosen" in text
    assert "decay-2.6</code>: 0.1 of 0.1, 0.2" in text


def test_a_later_report_replaces_the_figures_of_an_earlier_one(tmp_path):
    empty = replace(INPUTS, records=(), comparison=())
    render(empty, tmp_path)
    (tmp_path / "figures").mkdir()
    for name in ("old.svg", "old.png", "notes.txt"):
        (tmp_path / "figures" / name).touch()
    render(empty, tmp_path)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["notes.txt"]


def test_a_folder_that_holds_something_else_is_not_written_to(tmp_path):
    (tmp_path / "index.html").write_text("my own page")
    with pytest.raises(FileExistsError, match="not a report; name an empty or a new folder with --output"):
        render(INPUTS, tmp_path)
    assert files(tmp_path) == {"index.html": b"my own page"}


def test_the_report_and_the_claims_load_neither_torch_nor_fastai():
    code = (
        "import importlib, pkgutil, sys; sys.path.insert(0, sys.argv[1]); import harness.report, study.claims; "
        "import harness.evidence; "
        "names = [m.name for m in pkgutil.iter_modules(harness.report.__path__, 'harness.report.')]; "
        "[importlib.import_module(name) for name in names]; "
        "print(len(names), sorted({'torch', 'fastai', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code, str(ROOT)], check=True, capture_output=True, text=True)
    count, loaded = found.stdout.split(maxsplit=1)
    assert int(count) >= 8
    assert loaded.strip() == "[]"
