"""How a general language model is pre-trained: an immutable value, declared in ``study/``."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from harness.corpus.general import GeneralCorpus
from harness.specification import Direction, Dropouts, ModelSize, Optimization, ShippedModel


@dataclass(frozen=True)
class PretrainingRecipe:
    """One pass over the corpus's documents in an order of their own, ``steps`` steps or until the text ends.

    A step reads ``shards`` × ``rows`` × ``bptt`` tokens. Shards, not workers, decide what is computed: their
    gradients are added in a fixed order, so one process and several reach the same weights.

    ``start`` is an earlier product to go on from, by its digest (a warm start); None: random weights. With another
    ``seed`` the documents come in another order; most of them are then read for a second time.
    """

    name: str
    corpus: GeneralCorpus
    size: ModelSize
    direction: Direction
    steps: int
    shards: int
    rows: int
    bptt: int
    base_rate: float
    candidates: int  # words of the sampled softmax, in expectation; see harness.general.sampling
    largest_norm: float  # of the gradient, clipped above
    dropouts: Dropouts
    optimization: Optimization
    seed: int = 0
    start: ShippedModel | None = None

    def facts(self) -> dict[str, object]:
        """The recipe as plain data, for records and keys; ``start`` is left out where there is none."""
        facts = asdict(self)
        if self.start is None:
            del facts["start"]
        return facts

    @property
    def step_tokens(self) -> int:
        """Tokens read by one optimizer step."""
        return self.shards * self.rows * self.bptt
