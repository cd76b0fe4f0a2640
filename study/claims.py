"""What the study claims, written before measuring. Claims that fail stay here."""

from __future__ import annotations

from harness.claims import Claim, Selector
from study.protocol import PROTOCOL

_TORCH, _TORCH_UNIFORM = Selector("torch", "full+stlr", 2.6), Selector("torch", "full+stlr", 1.0)
_FASTAI, _FASTAI_UNIFORM = Selector("fastai", "full+stlr", 2.6), Selector("fastai", "full+stlr", 1.0)

_ULMFIT, _SCRATCH = Selector("torch", "freez+stlr", 2.6), Selector("torch", "scratch", 1.0)

CLAIMS = (
    Claim(
        "pre-training-helps",
        "Full ULMFiT from the shipped language model has a lower test error than training from scratch.",
        "superior",
        _ULMFIT,
        _SCRATCH,
        PROTOCOL.margin,
        recipe="compact",
    ),
    Claim(
        "discriminative-beats-uniform-torch",
        "From scratch in PyTorch, discriminative rates (decay 2.6) give a lower test error than a uniform rate.",
        "superior",
        _TORCH,
        _TORCH_UNIFORM,
        PROTOCOL.margin,
    ),
    Claim(
        "discriminative-beats-uniform-fastai",
        "With fastai, discriminative rates (decay 2.6) give a lower test error than a uniform rate.",
        "superior",
        _FASTAI,
        _FASTAI_UNIFORM,
        PROTOCOL.margin,
    ),
    Claim(
        "implementations-agree-discriminative",
        "At decay 2.6 the two implementations have the same test error, within the margin.",
        "equivalent",
        _TORCH,
        _FASTAI,
        PROTOCOL.margin,
    ),
    Claim(
        "implementations-agree-uniform",
        "At the uniform rate the two implementations have the same test error, within the margin.",
        "equivalent",
        _TORCH_UNIFORM,
        _FASTAI_UNIFORM,
        PROTOCOL.margin,
    ),
)
