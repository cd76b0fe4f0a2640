"""Tell what the claims of ``study/claims.py`` in a folder say, as JSON; run as a script, one folder a process.

``python -I claim_teller.py FOLDER`` imports the declarations of FOLDER and of no other place.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from pathlib import Path

_NOT_THE_RULE = {"name", "sentence", "places", "recipes"}  # ``recipes``: what ``places`` was called before


def told(value: object) -> object:
    """A declaration as plain data without fields at their defaults, so that a new field changes no earlier claim."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {f.name: told(getattr(value, f.name)) for f in fields if getattr(value, f.name) != f.default}
    return [told(part) for part in value] if isinstance(value, tuple) else value


def rule(claim: object) -> dict[str, object]:
    """Everything that decides a verdict of a claim on one data set."""
    facts = told(claim)
    assert isinstance(facts, dict)
    return {name: fact for name, fact in facts.items() if name not in _NOT_THE_RULE}


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(folder))
    claims = importlib.import_module("study.claims")
    if not Path(str(claims.__file__)).resolve().is_relative_to(folder):
        sys.exit(f"study/claims.py was read from {claims.__file__}, not from {folder}")
    json.dump({claim.name: rule(claim) for claim in claims.CLAIMS}, sys.stdout)
