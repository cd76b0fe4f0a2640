"""How much of a text a shipped language model can read: whoever knows none of its words has nothing to preserve."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.corpus.texts import CorpusError
from harness.corpus.tokens import tokenise
from harness.corpus.vocabulary import SPECIAL_TOKENS
from harness.specification import Recipe, ShippedModel

SAMPLE = 300  # texts
LITTLE = 0.8  # of the study's own data sets, in English, it knows 0.93 and more


def familiarity(recipe: Recipe, texts: Sequence[str], models: Path) -> tuple[str, ...]:
    """Say in lines how many tokens of the first ``texts`` a recipe's shipped model knows; nothing where it has none.

    Raises:
        CorpusError: when the vocabulary in the folder ``models`` is missing or damaged.
    """
    if not isinstance(recipe.general, ShippedModel):
        return ()
    path = models / f"{recipe.general.name}.vocabulary.json"
    try:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); restore it from the repository") from error
    share = known_share(texts[:SAMPLE], vocabulary)
    lines = [f"{100 * share:.0f} % of the texts' words and signs are known to the language model {recipe.general.name}"]
    if share < LITTLE:
        lines.append("it has read English: on texts that it hardly knows, the answer is about nearly random weights")
    return tuple(lines)


def known_share(texts: Sequence[str], vocabulary: Sequence[str]) -> float:
    """The share of the tokens of ``texts``, special ones apart, that are in the ``vocabulary``; 0 without tokens."""
    found = tokenise(texts)
    counts = Counter(found.tokens[number] for document in found.documents for number in document.tolist())
    counted = {token: count for token, count in counts.items() if token not in SPECIAL_TOKENS}
    known = counted.keys() & set(vocabulary)
    return sum(counted[token] for token in known) / max(1, sum(counted.values()))
