"""Two linear baselines on the cells' own splits and label subsets: what a network has to beat to be worth its cost.

Their strength of regularisation is chosen as a cell's base rate is: on validation error, over the tuning repetitions.
A baseline takes seconds, so it is measured whole or not at all, one record a dataset and baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from harness.baseline_evidence import BaselineRecord, BaselineRun
from harness.claims import Protocol
from harness.corpus.load import load
from harness.corpus.sources import Sources
from harness.corpus.splits import Labelled, Splits, split
from harness.corpus.subsets import label_subset
from harness.environment import environment
from harness.metrics import pack_right
from harness.seeds import derive_seed
from harness.specification import CPU, Baseline, Dataset

TOKEN = r"\w+|[^\w\s]"  # words and single signs
LONGEST_PHRASE = 2  # words and pairs of words


class NbSvm(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Support vector machine on binary features scaled by their naive Bayes log-count ratio, for two classes.

    The weights are interpolated with their mean magnitude (Wang & Manning 2012, section 2.3, with its β = 0.25).
    """

    def __init__(self, strength: float = 1.0, smoothing: float = 1.0, interpolation: float = 0.25) -> None:
        self.strength, self.smoothing, self.interpolation = strength, smoothing, interpolation

    def fit(self, features: sparse.csr_matrix, labels: npt.NDArray[np.int64]) -> NbSvm:
        """Learn from binary ``features`` (documents, phrases) and ``labels`` (documents,), 0 or 1."""
        self.classes_ = np.unique(labels)
        sums = [np.asarray(features[labels == label].sum(axis=0)).ravel() for label in self.classes_]
        first, second = (self.smoothing + counts for counts in sums)
        self.ratio_ = np.log(second / second.sum()) - np.log(first / first.sum())
        machine = LinearSVC(C=self.strength, random_state=0, max_iter=5000).fit(
            features.multiply(self.ratio_).tocsr(), labels
        )
        weights = machine.coef_.ravel()
        self.weights_ = (1 - self.interpolation) * abs(weights).mean() + self.interpolation * weights
        self.intercept_ = float(machine.intercept_[0])
        return self

    def decision_function(self, features: sparse.csr_matrix) -> npt.NDArray[np.float64]:
        """Signed distance (documents,); positive for the second class."""
        scores: npt.NDArray[np.float64] = features @ (self.ratio_ * self.weights_) + self.intercept_
        return scores

    def predict(self, features: sparse.csr_matrix) -> npt.NDArray[np.int64]:
        """The class of each document, shape (documents,)."""
        chosen: npt.NDArray[np.int64] = self.classes_[(self.decision_function(features) > 0).astype(int)]
        return chosen


def pipeline(baseline: Baseline, strength: float) -> Pipeline:
    """Texts to class indices."""
    phrases = {"token_pattern": TOKEN, "ngram_range": (1, LONGEST_PHRASE)}
    if baseline.model == "logistic-regression":
        return make_pipeline(
            TfidfVectorizer(sublinear_tf=True, **phrases), LogisticRegression(C=strength, max_iter=5000)
        )
    return make_pipeline(CountVectorizer(binary=True, **phrases), OneVsRestClassifier(NbSvm(strength)))


def measure(
    dataset: Dataset, baselines: Sequence[Baseline], protocol: Protocol, sources: Sources
) -> list[BaselineRecord]:
    """Tune and measure baselines on one dataset.

    Raises:
        CorpusError: when the texts cannot be obtained, or are not the declared ones.
    """
    parts = split(dataset, load(dataset, sources))
    return [_measure(dataset, baseline, protocol, parts) for baseline in baselines]


def _measure(dataset: Dataset, baseline: Baseline, protocol: Protocol, parts: Splits) -> BaselineRecord:
    def run(strength: float, repetition: int) -> BaselineRun:
        return _run(dataset, pipeline(baseline, strength), repetition, parts)

    tuning = tuple(
        (strength, float(np.mean([run(strength, one).validation_error for one in protocol.tuning_repetitions])))
        for strength in baseline.strengths
    )
    strength, _ = min(tuning, key=lambda tried: (tried[1], tried[0]))
    return BaselineRecord(
        dataset=dataset,
        baseline=baseline,
        tuning=tuning,
        strength=strength,
        runs=tuple(run(strength, repetition) for repetition in protocol.final_repetitions),
        scikit_learn=version("scikit-learn"),
        environment=environment(CPU, 1),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _run(dataset: Dataset, model: Pipeline, repetition: int, parts: Splits) -> BaselineRun:
    texts, labels = _columns(parts.train, dataset.classes)
    seed = derive_seed(dataset.reader, "classifier", repetition, "labels")
    chosen = label_subset(labels, dataset.labels, seed)
    model.fit([texts[index] for index in chosen], labels[chosen])
    right = {}
    for name in ("validation", "test"):
        of_part, wanted = _columns(getattr(parts, name), dataset.classes)
        right[name] = model.predict(of_part) == wanted
    return BaselineRun(
        repetition=repetition,
        validation_error=float((~right["validation"]).mean()),
        test_error=float((~right["test"]).mean()),
        correct=pack_right(right["test"]),
    )


def _columns(pairs: Labelled, classes: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    return [text for text, _ in pairs], np.array([classes.index(label) for _, label in pairs], dtype=np.int64)
