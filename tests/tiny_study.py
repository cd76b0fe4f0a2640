"""A study that runs in seconds: two generated data sets in the layouts of real readers, and sizes of a few units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch

from harness.claims import Claim, Protocol, Selector
from harness.corpus.formats import tab_separated, trec
from harness.corpus.sources import Sources
from harness.corpus.texts import RawTexts, content_digest
from harness.engine import Engine
from harness.published import Published
from harness.record import Record
from harness.runner import Event, Outcome, Task
from harness.specification import (
    Arm,
    Cell,
    ClassifierRecipe,
    Dataset,
    Dropouts,
    LanguageModelArm,
    LanguageModelRecipe,
    ModelSize,
    Recipe,
    cell_id,
)
from harness.store import Store
from harness.study_definition import OwnTexts, Profile, Study, Sweep
from harness.tasks import plan_tasks
from harness.worker import Worker
from harness.workplace import Workplace

SYLLABLES = ["".join(pair) for pair in product("bdkm", "aeio")]
CODES = ["".join(pair) for pair in product(SYLLABLES, SYLLABLES)]  # one word of its own for every text
PHRASES = ("who led her people when {} was king", "in which land is that river {} found")
TRAINING, TESTING = 90, 30

DROPOUTS = Dropouts(output=0.1, hidden=0.1, input=0.1, embedding=0.02, weight=0.1)
LANGUAGE_MODEL = LanguageModelRecipe(epochs=1, batch_size=4, bptt=8, base_rate=0.02, dropouts=DROPOUTS)
RECIPE = Recipe(
    name="tiny",
    size=ModelSize(embedding=8, hidden=12, layers=2, max_vocabulary=400, min_frequency=1),
    general=replace(LANGUAGE_MODEL, epochs=3),
    target=replace(LANGUAGE_MODEL, base_rate=0.01),
    classifier=ClassifierRecipe(
        epochs=4, batch_size=8, bptt=8, max_length=16, head_hidden=16, head_dropout=0.1, dropouts=DROPOUTS
    ),
)

TUNED = LanguageModelArm("full+discr+stlr", schedule="stlr", decay=2.6)
MAIN = Arm("freez+stlr", unfreezing="gradual", schedule="stlr", decay=2.6, start=TUNED)
LAST = Arm("last", unfreezing="last", schedule="constant", decay=2.6, start="general")
SCRATCH = Arm("scratch", unfreezing="all", schedule="stlr", decay=1.0, start="random")
PROTOCOL = Protocol(tuning_repetitions=(100,), final_repetitions=(0, 1), margin=0.05)
SIDE = Selector("torch", MAIN.name, 2.6)
CLAIM = Claim("better", "Decay 2.6 has a lower error.", "superior", SIDE, replace(SIDE, decay=1.0), PROTOCOL.margin)


@dataclass(frozen=True)
class Tiny:
    """The study, and the folder that holds its data."""

    study: Study
    folder: Path

    @property
    def dataset(self) -> Dataset:
        return self.study.datasets["tiny-questions"]

    def place(self, store: Path) -> Workplace:
        return Workplace(Store(store), Sources(self.folder / "cache", self.folder / "data"), self.folder)

    def cell(self, arm: Arm = MAIN, **changes: object) -> Cell:
        cell = Cell(self.dataset, RECIPE, "torch", arm, 0.05, 0)
        return replace(cell, **changes)  # type: ignore[arg-type]


def texts(start: int, count: int) -> list[tuple[str, int]]:
    """Generated texts and their class; the longer ones fill more than one chunk."""
    filler = " and , as the old books say , it rained then"
    return [
        (PHRASES[i % 2].format(CODES[i]) + (filler if i % 5 == 0 else ""), i % 2) for i in range(start, start + count)
    ]


def write_data(data: Path) -> None:
    """Write both data sets; the news differ from the questions in one word a text."""
    for folder, names in (("trec", ("train_5500.label", "TREC_10.label")), ("ag_news-10k", ("dev.tsv", "test.tsv"))):
        (data / folder).mkdir(parents=True)
        for name, (start, count) in zip(names, ((0, TRAINING), (TRAINING, TESTING)), strict=True):
            pairs = texts(start, count)
            if folder == "trec":
                lines = [f"{('HUM', 'LOC')[label]}:any {text}" for text, label in pairs]
            else:
                lines = [f"news {text}\t{('World', 'Sports')[label]}" for text, label in pairs]
            (data / folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def tiny(folder: Path) -> Tiny:
    """The study over the data in ``folder``, which is written on the first call."""
    data = folder / "data"
    if not data.exists():
        write_data(data)
    digests = {
        "trec6": _digest(trec, data / "trec/train_5500.label", data / "trec/TREC_10.label"),
        "ag-news-10k": _digest(tab_separated, data / "ag_news-10k/dev.tsv", data / "ag_news-10k/test.tsv"),
    }
    questions = Dataset("tiny-questions", "Questions", "trec6", ("HUM", "LOC"), digests["trec6"], "none", 60, 20, None)
    news = replace(
        questions,
        name="tiny-news",
        title="News",
        reader="ag-news-10k",
        classes=("World", "Sports"),
        digest=digests["ag-news-10k"],
    )
    return Tiny(_study(questions, news), folder)


def _digest(parse: Callable[[tuple[Path, ...]], RawTexts], *files: Path) -> str:
    return content_digest(parse(files))


def _study(questions: Dataset, news: Dataset) -> Study:
    tuned = Sweep(questions, RECIPE, "torch", MAIN, (1.0, 2.6), (0.02, 0.05))
    both = (replace(tuned, base_rates=(0.05,)), replace(tuned, dataset=news, arm=SCRATCH, base_rates=(0.05,)))
    profiles = (
        Profile("quick", "both data sets, not tuned", both, (), PROTOCOL.final_repetitions),
        Profile("full", "one data set, tuned", (tuned,), PROTOCOL.tuning_repetitions, PROTOCOL.final_repetitions),
    )
    return Study(
        baselines=(),
        datasets={dataset.name: dataset for dataset in (questions, news)},
        arms={arm.name: arm for arm in (MAIN, LAST, SCRATCH)},
        profiles={profile.name: profile for profile in profiles},
        claims=(CLAIM,),
        protocol=PROTOCOL,
        pretraining={},
        published=Published(),
        own=OwnTexts(
            MAIN, (1.0, 2.6), (0.02, 0.05), RECIPE, replace(RECIPE, name="tiny-long"), long_words=12, claims=(CLAIM,)
        ),
    )


@contextmanager
def as_in_a_worker(engine: Engine) -> Iterator[None]:
    """Prepare this process as a worker is prepared, and put torch's settings back."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    engine.start()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        torch.set_flush_denormal(False)
        torch.utils.deterministic.fill_uninitialized_memory = filling


def ignore(_event: Event) -> None:
    """Report nothing."""


def measured(place: Workplace, *cells: Cell) -> tuple[Record, ...]:
    """Records of cells, made in this process together with the stages they need."""
    engine = Engine(place)
    with as_in_a_worker(engine):
        for task in plan_tasks(cells, place.hardware):
            if not engine.is_done(task):
                engine.execute(task, ignore)
    return tuple(place.store.read_record(cell_id(cell)) for cell in cells)


def run_here(
    tasks: Sequence[Task], work: Engine, _workers: int, store: Store, on_event: Callable[[Event], None]
) -> Outcome:
    """Stand in for ``harness.runner.run``: one worker in this process, which spares the imports of another."""
    failed: dict[str, str] = {}

    def note(event: Event) -> None:
        if event.kind == "failed":
            failed[event.task] = event.message
        on_event(event)

    with as_in_a_worker(work):
        Worker(0, tasks, work, store, note).run()
    return Outcome(tuple(task.name for task in tasks if task.name not in failed), failed, ())
