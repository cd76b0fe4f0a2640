"""What a claim compares, in words: the sides of its contrasts, as they are declared."""

from __future__ import annotations

from harness.claims import Claim, Selector


def contrast_text(claim: Claim, index: int = 0) -> str:
    """Name both sides of the contrast at ``index`` of a claim's."""
    return " against ".join(map(side_text, claim.contrasts[index]))


def contrasts_text(claim: Claim) -> str:
    """Name both sides of a claim's contrast, of several the first, and say how many more there are."""
    more = f"; {len(claim.also)} more" if claim.also else ""
    return contrast_text(claim) + more


def side_text(side: Selector) -> str:
    """Name the arm and implementation, the decay, and what else is not as a rule: measure, rate, texts, direction."""
    parts = [f"{side.arm} of {side.implementation}", _decay(side)]
    if side.rate is not None:
        parts.append(f"at the rate that {side.rate} chose" if isinstance(side.rate, str) else f"at rate {side.rate:g}")
    if side.dataset is not None:
        parts.append(f"on {side.dataset}")
    if side.recipe is not None:
        parts.append(f"from {side.recipe}")
    if side.direction != "forward":
        parts.append("in both directions" if side.direction == "both" else side.direction)
    text = " ".join(parts)
    if side.measure != "test error":
        text = f"{side.measure} of {text}"
    return text if side.less is None else f"{text} minus {side_text(side.less)}"


def _decay(side: Selector) -> str:
    if not isinstance(side.decay, tuple):
        return f"at {side.decay:g}"
    chooser = f" of {side.chosen_with}" if side.chosen_with else ""
    by = "lowest validation error" if side.chosen_by == "lowest error" else side.chosen_by
    return f"at the decay with the {by}{chooser}"
