"""Stratified orders of labelled documents, of which every prefix is in proportion to the classes.

Prefixes are nested by construction, which quotas worked out anew for each size are not (the Alabama paradox).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def stratified_order(
    labels: npt.NDArray[np.int64], within: Sequence[int] | npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Order all items so that each prefix holds the classes in proportion, as well as whole items can.

    The r-th item (from 0) of a class of c items stands at (r + 1/2) / c: the apportionment of Webster and
    Sainte-Laguë, under which no class loses an item when the prefix grows.

    Args:
        labels: class of each item, shape (items,).
        within: a permutation of all items; the order kept inside each class.

    Returns:
        A permutation of the items, shape (items,).
    """
    order = np.asarray(within, dtype=np.int64)
    position = np.empty(len(order), dtype=np.float64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[order] == label)
        position[members] = (2 * np.arange(len(members)) + 1) / (2 * len(members))
    # Equal positions (classes of one size) go by class, so that the order depends on nothing else.
    return order[np.lexsort((labels[order], position))]


def label_subset(labels: npt.NDArray[np.int64], budget: int | None, seed: int) -> npt.NDArray[np.int64]:
    """Draw the documents whose labels one repetition may use.

    For one seed the subset of a smaller budget lies within that of a larger one. Every class has a document
    wherever the budget is no smaller than the number of classes.

    Args:
        labels: class of each training document, shape (documents,).
        budget: how many labels; None for all of them.
        seed: decides which documents.

    Returns:
        Sorted indices, shape (budget,).

    Raises:
        ValueError: when the budget is not between 1 and the number of documents.
    """
    if budget is None:
        return np.arange(len(labels), dtype=np.int64)
    if not 1 <= budget <= len(labels):
        raise ValueError(f"a budget of {budget} labels, with {len(labels)} labelled documents to draw from")
    order = stratified_order(labels, np.random.default_rng(seed).permutation(len(labels)))
    _, first = np.unique(labels[order], return_index=True)
    leading = np.sort(first)  # larger classes first: their first item stands lower in the order
    rearranged = np.concatenate((order[leading], np.delete(order, leading)))
    return np.sort(rearranged[:budget])
