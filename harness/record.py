"""What one cell leaves behind: a typed, self-contained record and its JSON form.

``result`` is the part that the same seed on the same kind of machine must repeat to the bit; ``cost`` and
``environment`` say what it took and where. Error rates are fractions in [0, 1].
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from harness.specification import Cell

SCHEMA = 1
ROUNDING = 1e-9  # of an error rate


@dataclass(frozen=True)
class SplitMetrics:
    """Metrics over one split; ``loss`` and ``calibration_error`` are absent where the model diverged."""

    items: int
    error: float
    f1_macro: float
    loss: float | None
    calibration_error: float | None  # expected calibration error, 15 equal-width bins


@dataclass(frozen=True)
class Epoch:
    """One epoch's mean training loss (cross-entropy without penalties) and the validation metrics after it."""

    epoch: int
    training_loss: float | None
    validation_loss: float | None
    validation_error: float


@dataclass(frozen=True)
class RealisedRates:
    """The rates read back from the optimizer, lowest group first; 0 where a group was frozen.

    ``trace`` rows are (step, rate of group 1, ..., rate of group L) at some evenly spaced steps;
    ``largest_ratio_error`` is the largest relative deviation, over all steps, of the ratio of two
    trainable groups from what the decay prescribes.
    """

    groups: tuple[str, ...]
    steps: int
    peaks: tuple[float, ...]
    trace: tuple[tuple[float, ...], ...]
    largest_ratio_error: float


@dataclass(frozen=True)
class Result:
    """The deterministic outcome. ``correct`` is base64 of numpy.packbits over the test items, in split order."""

    outcome: Literal["completed", "diverged"]
    test: SplitMetrics
    validation: SplitMetrics
    correct: str
    epochs: tuple[Epoch, ...]
    rates: RealisedRates
    displacement: dict[str, float | None]  # group name -> ‖θ − θ₀‖ / ‖θ₀‖; None where not finite
    perplexity: float | None  # of the starting language model on held-out text; None: none measured, or not finite


@dataclass(frozen=True)
class Inputs:
    """Digests of everything the result depends on, and the seeds."""

    corpus: str
    vocabulary: str
    start: str | None  # digest of the starting encoder weights; None: random
    source: str  # digest of the code that trains
    seeds: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)  # texts left out of the corpus, by reason
    language_model_rates: RealisedRates | None = None  # of the starting model's last stage; None: none was trained


@dataclass(frozen=True)
class Cost:
    """What the cell itself took, without the stages it shares with others; memory is the host's, on a GPU too."""

    wall_seconds: float
    cpu_seconds: float
    training_tokens_per_second: float
    peak_memory_mib: float


@dataclass(frozen=True)
class Environment:
    """Where and with what the cell ran."""

    commit: str
    modified: bool  # the working tree differed from the commit
    python: str
    torch: str
    fastai: str
    numpy: str
    platform: str
    processor: str
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class Record:
    """One cell's specification, inputs, result, cost and environment.

    ``probabilities`` are those predicted for the test items, as ``harness.probabilities`` writes them. Evidence keeps
    them only where a claim averages them; None, and not written, elsewhere.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", ser_json_inf_nan="null")

    schema: int
    cell: str
    specification: Cell
    inputs: Inputs
    result: Result
    cost: Cost
    environment: Environment
    finished: str  # UTC, ISO 8601
    probabilities: Annotated[str | None, Field(exclude_if=lambda packed: packed is None)] = None


_RECORD = TypeAdapter(Record)
_RESULT = TypeAdapter(Result)


class InvalidRecord(ValueError):
    """A record that cannot be read; the message names the place and the fault."""


class OtherSchema(InvalidRecord):
    """A record that another version of this project wrote."""


def to_json(record: Record) -> str:
    """The record as one line of JSON, without a line break."""
    return _RECORD.dump_json(record).decode()


def from_json(text: str, origin: str | Path) -> Record:
    """Parse and validate one record.

    Raises:
        OtherSchema: when the text says that it is a record of another schema.
        InvalidRecord: when the text is not a record of this schema, it has no test items, its test error is not that
            of the items it says were right, or its validation error is not that of the last epoch; the message names
            ``origin``.
    """
    try:
        record: Record = _RECORD.validate_json(text)
    except ValidationError as error:
        _check_schema(text, origin)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole text"
        raise InvalidRecord(f"{origin}: not a valid record: {place}: {first['msg']}") from error
    if record.schema != SCHEMA:
        raise _other_schema(record.schema, origin)
    validation = record.result.validation.error
    last = record.result.epochs[-1].validation_error if record.result.epochs else validation
    if abs(validation - last) > ROUNDING:
        raise InvalidRecord(
            f"{origin}: not a valid record: result.validation.error is {validation:g}, its last epoch says {last:g}"
        )
    test, right = record.result.test, _right_items(record.result)
    if test.items < 1:
        raise InvalidRecord(f"{origin}: not a valid record: result.test.items is {test.items}, at least 1 was tested")
    if right is None or abs(test.error - (1 - right / test.items)) > ROUNDING:
        counted = "nothing readable" if right is None else f"{right} of {test.items} items right"
        raise InvalidRecord(
            f"{origin}: not a valid record: result.test.error is {test.error:g}, result.correct says {counted}"
        )
    return record


def _check_schema(text: str, origin: str | Path) -> None:
    """Raise OtherSchema where the text, which is no record of this schema, names another."""
    try:
        found = json.loads(text)
    except ValueError:
        return
    schema = found.get("schema") if isinstance(found, dict) else None
    if isinstance(schema, int) and schema != SCHEMA:
        raise _other_schema(schema, origin)


def _other_schema(schema: int, origin: str | Path) -> OtherSchema:
    return OtherSchema(
        f"{origin}: record schema {schema}, this version reads schema {SCHEMA}; use the version that wrote it, or "
        "another folder"
    )


def _right_items(result: Result) -> int | None:
    """How many test items ``result.correct`` says were right; None where it is not base64 of that many bits."""
    try:
        packed = base64.b64decode(result.correct, validate=True)
    except ValueError:
        return None
    return int.from_bytes(packed).bit_count() if len(packed) == math.ceil(result.test.items / 8) else None


def result_digest(record: Record) -> str:
    """SHA-256 of the deterministic part; equal digests mean the same outcome to the bit."""
    return hashlib.sha256(_RESULT.dump_json(record.result)).hexdigest()
