"""The commands of the project. ``nox -s reproduce`` and ``nox -s tests`` are the two that matter."""

from __future__ import annotations

import hashlib
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["reproduce"]

REQUIREMENTS = ("pyproject.toml", "constraints.txt")
EVERYTHING = "-e.[tests,lint,types]"


def environment(session: nox.Session) -> Path:
    """One environment for all sessions, installed once for each state of the pinned requirements."""
    home = Path(session.virtualenv.location).parent / "shared"
    python = home / "bin" / "python"
    state = hashlib.sha256(b"".join(Path(name).read_bytes() for name in REQUIREMENTS)).hexdigest()
    stamp = home / "installed"
    if not stamp.exists() or stamp.read_text() != state:
        session.run("python", "-m", "venv", "--clear", str(home), external=True)
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        session.run(*pip, "--constraint", "constraints.txt", "torch", external=True)
        session.run(*pip, "--constraint", "constraints.txt", EVERYTHING, external=True)
        stamp.write_text(state)
    return python


def study(session: nox.Session, *arguments: str) -> None:
    """Run a command of the study with the session's own arguments behind it."""
    session.run(str(environment(session)), "-m", "study", *arguments, *session.posargs, external=True)


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run the quick profile, compare with the committed records, render the report."""
    study(session, "reproduce")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite."""
    session.run(str(environment(session)), "-m", "pytest", *session.posargs, external=True)


@nox.session
def regress(session: nox.Session) -> None:
    """Re-run the canary cells and fail when one leaves the committed band."""
    study(session, "regress")


@nox.session
def report(session: nox.Session) -> None:
    """Render the report from the committed records alone."""
    study(session, "report")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure both implementations' speed side by side."""
    study(session, "bench")


@nox.session(default=False)
def pretrain(session: nox.Session) -> None:
    """Train the general language models."""
    study(session, "pretrain")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    python = str(environment(session))
    session.run(python, "-m", "ruff", "check", *(session.posargs or ["."]), external=True)
    session.run(python, "-m", "ruff", "format", "--check", ".", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.run(str(environment(session)), "-m", "mypy", *session.posargs, external=True)
