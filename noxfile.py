"""The commands of the project. ``nox -s reproduce`` and ``nox -s tests`` are the two that matter."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "none"  # the sessions share the environment below
nox.options.sessions = ["reproduce"]

REQUIREMENTS = ("pyproject.toml", "constraints.txt")
SHARED = Path(".nox/shared")


def environment(session: nox.Session) -> str:
    """Return the Python of the one environment of all sessions, installed once for each state of the requirements."""
    python = str(SHARED / "bin" / "python")
    state = hashlib.sha256(b"".join(Path(name).read_bytes() for name in REQUIREMENTS)).hexdigest()
    stamp = SHARED / "installed"
    if not stamp.exists() or stamp.read_text() != state:
        session.run(sys.executable, "-m", "venv", "--clear", str(SHARED))
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        session.run(*install, "--constraint", "constraints.txt", "--editable", ".[tests,lint,types]")
        stamp.write_text(state)
    return python


def study(session: nox.Session, *arguments: str) -> None:
    """Run a command of the study with the session's own arguments behind it."""
    session.run(environment(session), "-m", "study", *arguments, *session.posargs)


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run the quick profile, compare with the committed records, render the report."""
    study(session, "reproduce")


@nox.session
def own(session: nox.Session) -> None:
    """Measure on your own texts whether discriminative rates help: ``nox -s own -- reviews.csv``."""
    study(session, "own")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite."""
    session.run(environment(session), "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session
def regress(session: nox.Session) -> None:
    """Re-run the canary cells and fail when one leaves the committed band."""
    study(session, "regress")


@nox.session
def report(session: nox.Session) -> None:
    """Render the report from the committed records alone, build the paper, rewrite the README's verdicts."""
    study(session, "report", "--paper", "paper")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure both implementations' speed side by side, at compact and at full size, and what a run costs besides."""
    study(session, "bench", "--recipe", "compact")
    study(session, "bench", "--recipe", "paper", "--rounds", "1", "--batches", "2")
    session.run(environment(session), "-m", "study", "overhead")


@nox.session
def pretrain(session: nox.Session) -> None:
    """Train the general language models on Wikipedia; hours, and it goes on where it was stopped."""
    study(session, "pretrain")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    python = environment(session)
    session.run(python, "-m", "ruff", "check", *(session.posargs or ["."]))
    session.run(python, "-m", "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.run(environment(session), "-m", "mypy", *session.posargs)
