"""Validation errors of the paper's Tables 6 and 7 (Howard & Ruder 2018), its contrasts, a claim of their signs."""

from __future__ import annotations

from harness.claims import Claim, Selector
from harness.published import Published, PublishedArm, PublishedContrast
from study.profiles import compact_recipe


def _arm(table: str, name: str, ours: tuple[str, float], imdb: float, trec6: float, ag: float) -> PublishedArm:
    return PublishedArm(table, name, *ours, {"imdb-1k-all-text": imdb, "trec6": trec6, "ag-1k": ag})


# Table 6 changes how the language model is fine-tuned; the classifier is always fine-tuned by freez + discr + stlr.
_NO_LM = _arm("6", "no LM fine-tuning", ("no-target-lm", 2.6), 6.99, 6.38, 6.09)
_LM_FULL = _arm("6", "full", ("lm-full", 2.6), 5.86, 6.54, 5.61)
_LM_DISCR = _arm("6", "full + discr", ("lm-full+discr", 2.6), 5.55, 6.36, 5.47)
_LM_DISCR_STLR = _arm("6", "full + discr + stlr", ("freez+stlr", 2.6), 5.00, 5.69, 5.38)

_SCRATCH = _arm("7", "from scratch", ("scratch", 1.0), 9.93, 13.36, 6.81)
_FULL = _arm("7", "full", ("full", 1.0), 6.87, 6.86, 5.81)
_FULL_DISCR = _arm("7", "full + discr", ("full", 2.6), 5.57, 6.21, 5.62)
_LAST = _arm("7", "last", ("last", 1.0), 6.49, 16.09, 8.38)
_CHAIN_THAW = _arm("7", "chain-thaw", ("chain-thaw", 1.0), 5.39, 6.71, 5.90)
_FREEZ = _arm("7", "freez", ("freez", 1.0), 6.37, 6.86, 5.81)
_FREEZ_DISCR = _arm("7", "freez + discr", ("freez", 2.6), 5.39, 5.86, 6.04)
_FREEZ_STLR = _arm("7", "freez + stlr", ("freez+stlr", 1.0), 5.04, 6.02, 5.35)
_FREEZ_COS = _arm("7", "freez + cos", ("freez+cos", 1.0), 5.70, 6.38, 5.29)
_FREEZ_DISCR_STLR = _arm("7", "freez + discr + stlr", ("freez+stlr", 2.6), 5.00, 5.69, 5.38)

PUBLISHED = Published(
    arms=(
        *(_NO_LM, _LM_FULL, _LM_DISCR, _LM_DISCR_STLR),
        *(_SCRATCH, _FULL, _FULL_DISCR, _LAST, _CHAIN_THAW),
        *(_FREEZ, _FREEZ_DISCR, _FREEZ_STLR, _FREEZ_COS, _FREEZ_DISCR_STLR),
    ),
    contrasts=tuple(
        PublishedContrast(before, after)
        for before, after in (
            (_NO_LM, _LM_FULL),
            (_LM_FULL, _LM_DISCR),
            (_LM_DISCR, _LM_DISCR_STLR),
            (_SCRATCH, _FULL),
            (_FULL, _FULL_DISCR),
            (_FREEZ, _FREEZ_DISCR),
            (_FREEZ_STLR, _FREEZ_DISCR_STLR),
            (_FREEZ, _FREEZ_STLR),
            (_FREEZ_DISCR, _FREEZ_DISCR_STLR),
            (_FREEZ_COS, _FREEZ_STLR),
            (_FULL, _FREEZ),
            (_FULL_DISCR, _FREEZ_DISCR),
            (_FULL, _LAST),
            (_FULL, _CHAIN_THAW),
        )
    ),
    datasets={"imdb-1k-all-text": "IMDb", "trec6": "TREC-6", "ag-1k": "AG"},
)


def _published(arm: PublishedArm) -> Selector:
    """What this study runs for a row of a published table, judged by the error that the tables give."""
    if arm.arm is None:
        raise ValueError(f"table {arm.table}, {arm.name}: no arm to repeat it; leave out its contrasts")
    return Selector("torch", arm.arm, arm.decay, measure="validation error")


def keeps_its_signs(table: str, dataset: str) -> Claim:
    """All contrasts of a published table that have a sign, the side with the lower published error on the left."""
    contrasts = [
        (contrast.after, contrast.before) if contrast.difference(dataset) < 0 else (contrast.before, contrast.after)
        for contrast in PUBLISHED.signed(table, dataset)
    ]
    first, *others = [(_published(lower), _published(higher)) for lower, higher in contrasts]
    return Claim(
        f"table-{table}-keeps-its-signs-{dataset}",
        f"Every difference in validation error that the paper's Table {table} shows has the same sign here.",
        "superior",
        *first,
        margin=0.0,
        places=((dataset, compact_recipe(dataset).name),),
        question="published signs",
        also=tuple(others),
    )
