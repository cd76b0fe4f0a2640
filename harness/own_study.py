"""A study of a user's own texts: the same protocol, with nothing declared but the file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import mean

from harness.corpus.texts import CorpusError, RawTexts, content_digest, normalise
from harness.published import Published
from harness.specification import Dataset
from harness.study_definition import Profile, Study, Sweep

READER = "own-texts"
PROFILE = "own"
FEWEST_TEXTS = 200
FEWEST_OF_A_CLASS = 10  # texts on average: with fewer, labels are likely to be numbers, names or texts
LONGEST_NAME = 40  # characters of a class that a message shows
MOST_TEST, MOST_VALIDATION = 2000, 1000
PART = 4  # one text in four is held out for testing, and of the rest one in four for validation, up to these limits


def own_dataset(name: str, raw: RawTexts, labels: int | None, language_model_documents: int) -> Dataset:
    """Declare the texts as a data set.

    Args:
        name: of the file; letters and digits of it, and eight hexadecimal digits that tell its texts and these limits
            from others, name the data set.
        raw: the texts; without a test part, one is held out.
        labels: most labelled training documents of a repetition; None: all.
        language_model_documents: most documents that the language model reads.

    Raises:
        CorpusError: when training has fewer than two classes, too few different texts, too many classes for them, or
            fewer labels than classes; when the test part is empty, or a class has no text to train on.
    """
    tested = {normalise(text) for text, _ in raw.test or ()}
    trained: dict[str, str] = {}  # of texts that repeat, the first counts, as when they are split
    for text, label in raw.train:
        if normalise(text) not in tested:
            trained.setdefault(normalise(text), label)
    classes, usable = tuple(sorted(set(trained.values()))), len(trained)
    if raw.test and raw.train and not usable:
        raise CorpusError(f"{name}: all its texts are test texts too. Give others to test on, or no file of them.")
    if len(classes) < 2:
        raise CorpusError(f"{name}: all texts are of class {', '.join(classes) or 'none'}. Give texts of two or more.")
    if usable < FEWEST_TEXTS:
        raise CorpusError(
            f"{name}: {usable} different texts that are not test texts; a comparison needs {FEWEST_TEXTS} or more."
        )
    if usable < FEWEST_OF_A_CLASS * len(classes):
        raise CorpusError(
            f"{name}: {len(classes)} classes, such as {_named(classes, 3)}, in {usable} texts; a comparison needs "
            f"{FEWEST_OF_A_CLASS} texts a class or more. Is the column of the labels the right one?"
        )
    _check_parts(name, classes, raw)
    if labels is not None and labels < len(classes):
        raise CorpusError(f"{name}: {labels} labels for {len(classes)} classes. Give one or more for each.")
    test = None if raw.test is not None else min(MOST_TEST, usable // PART)
    rest = usable - (test or 0)
    validation = min(MOST_VALIDATION, rest // PART)
    training = rest - validation
    dataset = Dataset(
        name="",
        title=name,
        reader=READER,
        classes=classes,
        digest=content_digest(raw),
        licence="the user's own",
        labels=labels if labels is not None and labels < training else None,
        validation=validation,
        test=test,
        language_model_documents=language_model_documents if language_model_documents < training else None,
    )
    return replace(dataset, name=_name(dataset))


def _name(dataset: Dataset) -> str:
    """A name that no other texts or limits have, so that the runs of all of them may share a store."""
    words = re.sub(r"[^a-z0-9]+", "-", dataset.title.lower()).strip("-") or "texts"
    limits = (dataset.labels, dataset.validation, dataset.test, dataset.language_model_documents)
    return f"{words}-{hashlib.sha256(repr((dataset.digest, *limits)).encode()).hexdigest()[:8]}"


def _named(classes: Sequence[str], most: int = 10) -> str:
    more = f" and {len(classes) - most} more" if len(classes) > most else ""
    return ", ".join(one if len(one) <= LONGEST_NAME else f"{one[:LONGEST_NAME]}…" for one in classes[:most]) + more


def _check_parts(name: str, classes: tuple[str, ...], raw: RawTexts) -> None:
    if raw.test is not None and not raw.test:
        raise CorpusError(f"{name}: there are no test texts. Give some, or no file of them.")
    if unknown := sorted({label for _, label in (*raw.train, *(raw.test or ()))} - set(classes)):
        raise CorpusError(
            f"{name}: class {_named(unknown)} has no text to train on that is not a test text and repeats none of "
            f"another class; the others are {_named(classes)}. Name classes alike everywhere, or remove these texts."
        )


def own_study(study: Study, dataset: Dataset, texts: Iterable[str]) -> Study:
    """The study's template for own texts, on one data set; long documents take the recipe for those.

    Raises:
        ValueError: when the study has no such template.
    """
    template = study.own
    if template is None:
        raise ValueError("this study says nothing of own texts; give it a template")
    words = mean(len(text.split()) for text in texts)
    recipe = template.long if words > template.long_words else template.short
    sweep = Sweep(dataset, recipe, "torch", template.arm, template.decays, template.base_rates)
    protocol = study.protocol
    profile = Profile(PROFILE, "own texts", (sweep,), protocol.tuning_repetitions, protocol.final_repetitions)
    return replace(
        study,
        datasets={dataset.name: dataset},
        profiles={PROFILE: profile},
        claims=tuple(replace(claim, places=((dataset.name, recipe.name),)) for claim in template.claims),
        published=Published(),
    )
