"""The linear baselines: NB-SVM by hand, the choice of its strength, and the same texts as the cells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from tiny_study import PROTOCOL, tiny

from harness import baseline_evidence, baselines
from harness.baselines import NbSvm, measure, pipeline
from harness.corpus.encoding import encode, label_subset
from harness.corpus.splits import Splits
from harness.crossed import unpack_correct
from harness.evidence import EvidenceError
from harness.seeds import derive_seed
from harness.specification import Baseline, ModelSize

LINEAR = Baseline("lr", "Logistic regression", "logistic-regression", (0.1, 1.0))
NB_SVM = Baseline("nb-svm", "NB-SVM", "nb-svm", (0.1, 1.0))


def test_the_log_count_ratio_is_that_of_smoothed_document_counts() -> None:
    features = sparse.csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1]]))
    model = NbSvm().fit(features, np.array([1, 1, 0]))
    # class 1 has counts 2, 0, 1 and class 0 has 0, 1, 1; each smoothed by 1
    expected = np.log(np.array([3, 1, 2]) / 6) - np.log(np.array([1, 2, 2]) / 5)
    assert model.ratio_ == pytest.approx(expected)
    assert model.predict(features).tolist() == [1, 1, 0]


def test_full_interpolation_is_the_machine_alone_and_none_is_scaled_naive_bayes() -> None:
    generator = np.random.default_rng(0)
    features = sparse.csr_matrix((generator.random((40, 6)) < 0.4).astype(float))
    labels = (generator.random(40) < 0.5).astype(int)
    flat = NbSvm(interpolation=0.0).fit(features, labels)
    assert np.ptp(flat.weights_) == pytest.approx(0)
    assert flat.weights_[0] > 0
    mixed, alone = NbSvm(interpolation=0.25).fit(features, labels), NbSvm(interpolation=1.0).fit(features, labels)
    assert mixed.weights_ == pytest.approx(0.75 * flat.weights_ + 0.25 * alone.weights_)


@pytest.mark.parametrize("baseline", [LINEAR, NB_SVM], ids=lambda baseline: baseline.name)
def test_three_classes_are_told_apart_by_words_and_by_pairs_of_words(baseline: Baseline) -> None:
    texts = ["good film", "bad film", "film good", "what is it ?"] * 5
    labels = np.array([0, 1, 2, 3] * 5)
    assert pipeline(baseline, 10.0).fit(texts, labels).predict(texts).tolist() == labels.tolist()


def test_the_strength_is_chosen_on_validation_over_the_tuning_repetitions_and_reported_on_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = tiny(tmp_path)
    errors = {(0.1, 100): 0.3, (0.1, 101): 0.1, (1.0, 100): 0.2, (1.0, 101): 0.1}
    asked: list[tuple[float, int]] = []

    def run(_dataset: object, strength: float, repetition: int, _parts: Splits) -> baseline_evidence.BaselineRun:
        asked.append((strength, repetition))
        return baseline_evidence.BaselineRun(repetition, errors.get((strength, repetition), 0.0), 0.5, "")

    monkeypatch.setattr(baselines, "pipeline", lambda _baseline, strength: strength)
    monkeypatch.setattr(baselines, "_run", run)
    protocol = replace(PROTOCOL, tuning_repetitions=(100, 101), final_repetitions=(0, 1))
    (record,) = measure(world.dataset, [LINEAR], protocol, world.place(tmp_path / "store").sources)
    assert record.strength == 1.0
    assert record.tuning == ((0.1, pytest.approx(0.2)), (1.0, pytest.approx(0.15)))
    assert asked[-2:] == [(1.0, 0), (1.0, 1)]


def test_a_baseline_learns_from_the_cells_labels_and_is_tested_on_the_cells_items(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = tiny(tmp_path)
    dataset = replace(world.dataset, labels=4)
    sources = world.place(tmp_path / "store").sources
    seen: list[tuple[int, list[int]]] = []

    class Spy:
        def fit(self, texts: list[str], labels: np.ndarray) -> None:
            seen.append((len(texts), labels.tolist()))

        def predict(self, texts: list[str]) -> np.ndarray:
            return np.zeros(len(texts), dtype=np.int64)

    monkeypatch.setattr(baselines, "pipeline", lambda _baseline, _strength: Spy())
    (record,) = measure(
        dataset, [LINEAR], replace(PROTOCOL, tuning_repetitions=(100,), final_repetitions=(3,)), sources
    )
    corpus = encode(dataset, ModelSize(4, 4, 1, 100), sources)
    chosen = label_subset(corpus.train.labels, 4, derive_seed(dataset.reader, "classifier", 3, "labels"))
    assert seen[-1] == (4, corpus.train.labels[chosen].tolist())
    right = unpack_correct(record.runs[0].correct, len(corpus.test.labels))
    assert right.tolist() == (corpus.test.labels == 0).tolist()
    assert record.runs[0].test_error == pytest.approx(float((corpus.test.labels != 0).mean()))


def test_written_baselines_are_read_back_and_a_dataset_measured_again_gives_way(tmp_path: Path) -> None:
    world = tiny(tmp_path)
    sources, path = world.place(tmp_path / "store").sources, tmp_path / "results" / baseline_evidence.FILE
    protocol = replace(PROTOCOL, tuning_repetitions=(100,), final_repetitions=(0,))
    first = measure(world.dataset, [NB_SVM, LINEAR], protocol, sources)
    other = replace(first[0], dataset=replace(world.dataset, name="another"))
    baseline_evidence.write(first, path)
    baseline_evidence.write([other], path)
    again = replace(first[1], strength=99.0)
    baseline_evidence.write([first[0], again], path)
    assert baseline_evidence.read(path) == (other, again, first[0])


def test_damaged_evidence_is_named(tmp_path: Path) -> None:
    path = tmp_path / baseline_evidence.FILE
    assert baseline_evidence.read(path) == ()
    path.write_text('[{"dataset": 3}]')
    with pytest.raises(EvidenceError, match=r"baselines\.json: 0\.dataset: .* restore the file"):
        baseline_evidence.read(path)
