"""Which repetitions choose, which are reported, and what counts as the same: fixed before measuring."""

from __future__ import annotations

from harness.claims import Protocol

PROTOCOL = Protocol(
    tuning_repetitions=(100, 101),
    final_repetitions=tuple(range(10)),
    margin=0.005,  # half a percentage point of error
)
