"""What the study claims. Write a claim before measuring: the history dates it. One that fails stays here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from harness.claims import AGREEMENT, FACTOR, LABELS, RANKING, Claim, Place, Selector
from study.arms import SWEPT
from study.profiles import COMPACT_DATASETS, CORE_DECAYS, MINI_DATASETS, TRANSFER_DATASETS, compact_recipe
from study.protocol import PROTOCOL
from study.published import PUBLISHED, keeps_its_signs
from study.recipes import COMPACT, COMPACT_QUARTER, COMPACT_SIXTEENTH, MINI

MARGIN = PROTOCOL.margin
MOVEMENT_MARGIN = 0.05  # of a layer's own size
MINI_PLACES: tuple[Place, ...] = tuple((dataset, MINI.name) for dataset in MINI_DATASETS)
COMPACT_PLACES, TRANSFER_PLACES = (
    tuple((dataset, compact_recipe(dataset).name) for dataset in datasets)
    for datasets in (COMPACT_DATASETS, TRANSFER_DATASETS)
)
PLACES = MINI_PLACES + COMPACT_PLACES

_TORCH, _TORCH_UNIFORM = Selector("torch", "full+stlr", 2.6), Selector("torch", "full+stlr", 1.0)
_FASTAI, _FASTAI_UNIFORM = Selector("fastai", "full+stlr", 2.6), Selector("fastai", "full+stlr", 1.0)
_AGAINST_OTHERS = tuple((_TORCH, replace(_TORCH, decay=decay)) for decay in SWEPT if decay != _TORCH.decay)
_TORCH_BEST = replace(_TORCH, decay=SWEPT)
_FASTAI_BEST = replace(_FASTAI, decay=SWEPT, chosen_with="torch")
_TORCH_LOWER = replace(_TORCH, decay=CORE_DECAYS, chosen_by="lowest test error")
_TORCH_HIGHER = replace(_TORCH_LOWER, chosen_by="highest test error")
_FASTAI_LOWER, _FASTAI_HIGHER = (
    replace(side, implementation="fastai", chosen_with="torch") for side in (_TORCH_LOWER, _TORCH_HIGHER)
)
_ULMFIT, _SCRATCH = Selector("torch", "freez+stlr", 2.6), Selector("torch", "scratch", 1.0)
_BOTH = replace(_ULMFIT, direction="both")
_LOWEST, _HIGHEST = (
    replace(_TORCH, measure="movement of the lowest layer"),
    replace(_TORCH, measure="movement of the highest LSTM"),
)
_of_compact = partial(Claim, margin=MARGIN, places=COMPACT_PLACES)


CLAIMS = (
    Claim(
        "pre-training-helps",
        "Full ULMFiT from the shipped language model has a lower test error than training from scratch.",
        "superior",
        _ULMFIT,
        _SCRATCH,
        MARGIN,
        places=TRANSFER_PLACES,
        question="transfer",
    ),
    Claim(
        "more-target-text-helps",
        "Full ULMFiT has a lower test error from a language model that was fine-tuned on all of the data set's text "
        "than from one that saw 5,000 documents of it.",
        "superior",
        _ULMFIT,
        replace(_ULMFIT, dataset="imdb-1k"),
        MARGIN,
        places=(("imdb-1k-all-text", compact_recipe("imdb-1k-all-text").name),),
        question="text",
    ),
    Claim(
        "discriminative-beats-uniform-torch",
        "In our own implementation, discriminative rates (decay 2.6) give a lower test error than a uniform rate.",
        "superior",
        _TORCH,
        _TORCH_UNIFORM,
        MARGIN,
        places=PLACES,
    ),
    Claim(
        "discriminative-beats-uniform-fastai",
        "With fastai, discriminative rates (decay 2.6) give a lower test error than a uniform rate.",
        "superior",
        _FASTAI,
        _FASTAI_UNIFORM,
        MARGIN,
        places=PLACES,
    ),
    _of_compact(
        "discriminative-beats-uniform-unfreezing",
        "With gradual unfreezing too, discriminative rates (decay 2.6) give a lower test error than a uniform rate.",
        "superior",
        _ULMFIT,
        replace(_ULMFIT, decay=1.0),
    ),
    _of_compact(
        "the-factor-is-near-the-best",
        "The error at decay 2.6 is not higher, within the margin, than at any other decay of the sweep.",
        "not inferior",
        *_AGAINST_OTHERS[0],
        also=_AGAINST_OTHERS[1:],
        question=FACTOR,
    ),
    _of_compact(
        "the-factor-is-near-the-best-fastai",
        "With fastai, the error at decay 2.6 is not higher, within the margin, than at the decay that the sweep of our "
        "own implementation found best.",
        "not inferior",
        _FASTAI,
        _FASTAI_BEST,
        question=FACTOR,
    ),
    _of_compact(
        "discriminative-widens-the-range",
        "Over the grid of base rates the mean validation error (the area under it against the log of the rate) is "
        "lower at decay 2.6 than at the uniform rate.",
        "superior",
        replace(_TORCH, measure="area"),
        replace(_TORCH_UNIFORM, measure="area"),
        question="base rates",
    ),
    _of_compact(
        "the-last-layer-alone-chooses-as-well",
        "A base rate chosen by fine-tuning the last layer alone gives no higher error, within the margin, than one "
        "tuned with all layers (decay 2.6).",
        "not inferior",
        replace(_TORCH, rate="last"),
        _TORCH,
        question="base rates",
    ),
    _of_compact(
        "the-papers-pairing-favours-discriminative",
        "At the paper's own base rates (0.01 with discriminative rates, 0.001 without) discriminative rates give a "
        "lower test error.",
        "superior",
        Selector("torch", "full", 2.6, rate=0.01),
        Selector("torch", "full", 1.0, rate=0.001),
        question="base rates",
    ),
    Claim(
        "lower-layers-move-less",
        "At decay 2.6 the embedding moves less than the highest LSTM layer, each relative to its weights before.",
        "superior",
        _LOWEST,
        _HIGHEST,
        MOVEMENT_MARGIN,
        places=COMPACT_PLACES,
        question="layers",
    ),
    Claim(
        "the-decay-controls-movement",
        "The embedding moves less at decay 2.6 than at the uniform rate, each tuned.",
        "superior",
        _LOWEST,
        replace(_LOWEST, decay=1.0),
        MOVEMENT_MARGIN,
        places=COMPACT_PLACES,
        question="layers",
    ),
    _of_compact(
        "the-least-moved-beats-the-most-moved",
        "Of the decay factors, each tuned, the one whose embedding moves least has a lower test error than the one "
        "whose embedding moves most.",
        "superior",
        replace(_TORCH, decay=SWEPT, chosen_by="least movement"),
        replace(_TORCH, decay=SWEPT, chosen_by="most movement"),
        question="movement",
    ),
    Claim(
        "implementations-agree-discriminative",
        "At decay 2.6 the two implementations have the same test error, within the margin.",
        "equivalent",
        _TORCH,
        _FASTAI,
        MARGIN,
        places=PLACES,
        question=AGREEMENT,
    ),
    Claim(
        "implementations-agree-uniform",
        "At the uniform rate the two implementations have the same test error, within the margin.",
        "equivalent",
        _TORCH_UNIFORM,
        _FASTAI_UNIFORM,
        MARGIN,
        places=PLACES,
        question=AGREEMENT,
    ),
    Claim(
        "implementations-agree-on-the-effect",
        "What decay 2.6 changes against the uniform rate is the same in both implementations, within the margin.",
        "equivalent",
        replace(_TORCH, less=_TORCH_UNIFORM),
        replace(_FASTAI, less=_FASTAI_UNIFORM),
        MARGIN,
        places=PLACES,
        question=AGREEMENT,
    ),
    _of_compact(
        "implementations-agree-on-the-best",
        "What decay 2.6 changes against the decay that the sweep of our own implementation found best is the same in "
        "both implementations, within the margin.",
        "equivalent",
        replace(_TORCH, less=_TORCH_BEST),
        replace(_FASTAI, less=_FASTAI_BEST),
        question=AGREEMENT,
    ),
    Claim(
        "implementations-rank-the-rates-alike",
        "Of decay 2.6 and the uniform rate, both implementations have the lower test error at the same one "
        "(a difference is that one minus the other).",
        "superior",
        _TORCH_LOWER,
        _TORCH_HIGHER,
        margin=0.0,
        places=PLACES,
        question=RANKING,
        also=((_FASTAI_LOWER, _FASTAI_HIGHER),),
    ),
    _of_compact(
        "both-directions-beat-one",
        "The averaged predictions of full ULMFiT in both directions have a lower test error than those of the forward "
        "one alone.",
        "superior",
        _BOTH,
        _ULMFIT,
        question="directions",
    ),
    _of_compact(
        "pre-training-helps-in-both-directions",
        "Averaged over both directions, full ULMFiT has a lower test error than training from scratch, averaged too.",
        "superior",
        _BOTH,
        replace(_SCRATCH, direction="both"),
        question="directions",
    ),
    _of_compact(
        "the-directions-are-as-good",
        "Full ULMFiT has the same test error from the backward as from the forward language model, within the margin.",
        "equivalent",
        replace(_ULMFIT, direction="backward"),
        _ULMFIT,
        question="directions",
    ),
    _of_compact(
        "discriminative-beats-uniform-language-model",
        "In the fine-tuning of the language model too, discriminative rates (decay 2.6) lead full ULMFiT to a lower "
        f"test error than a uniform rate, both at the published base rate of that stage, {COMPACT.target.base_rate:g}.",
        "superior",
        _ULMFIT,
        replace(_ULMFIT, arm="lm-decay-1"),
        question="language model",
    ),
    _of_compact(
        "the-tied-weights-belong-to-either-end",
        "Full ULMFiT has the same test error, within the margin, when the language model's embedding, which is its "
        "decoder too, is fine-tuned at the lowest rate as when at the highest, all else at the same rates.",
        "equivalent",
        replace(_ULMFIT, arm="lm-tied-low"),
        _ULMFIT,
        question="language model",
    ),
    *(
        Claim(
            f"more-pre-training-helps-{part}",
            "Full ULMFiT has a lower test error from the shipped language model than from one that was pre-trained on "
            f"a {part} of its tokens.",
            "superior",
            _ULMFIT,
            replace(_ULMFIT, recipe=recipe.name),
            MARGIN,
            places=(("rt-1k", COMPACT.name),),
            question="tokens",
        )
        for part, recipe in (("sixteenth", COMPACT_SIXTEENTH), ("quarter", COMPACT_QUARTER))
    ),
    *(
        Claim(
            f"pre-training-is-worth-tenfold-labels-{few}",
            f"Full ULMFiT with {few} labels has no higher error, within the margin, than training from scratch with "
            f"{10 * few:,}.",
            "not inferior",
            _ULMFIT,
            replace(_SCRATCH, dataset=many),
            MARGIN,
            places=((f"rt-{few}", COMPACT.name),),
            question=LABELS,
        )
        for few, many in ((50, "rt-500"), (100, "rt-1k"))
    ),
    *(keeps_its_signs(table, dataset) for table in ("7", "6") for dataset in PUBLISHED.datasets),
)

# What the README tells of; the report has all.
_MAIN = {
    "pre-training-helps",
    "discriminative-beats-uniform-torch",
    "discriminative-beats-uniform-fastai",
    "discriminative-beats-uniform-unfreezing",
    "the-factor-is-near-the-best",
    "the-factor-is-near-the-best-fastai",
    "discriminative-widens-the-range",
    "the-last-layer-alone-chooses-as-well",
    "implementations-rank-the-rates-alike",
}
HEADLINES = frozenset(_MAIN | {claim.name for claim in CLAIMS if claim.question in (LABELS, "published signs")})
