"""The linear models that fine-tuning is held against. A new one is an entry here."""

from __future__ import annotations

from harness.specification import Baseline

# Four powers of ten to either side of 1. A choice on the edge is marked (†) in the tables.
STRENGTHS = (
    *(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    *(1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0),
)

BASELINES = (
    Baseline("tf-idf+lr", "TF-IDF with logistic regression", "logistic-regression", STRENGTHS),
    Baseline("nb-svm", "NB-SVM (Wang & Manning 2012)", "nb-svm", STRENGTHS),
)
