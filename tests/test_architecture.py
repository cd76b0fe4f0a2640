"""The layout is a promise: which part may import which, and how large a file may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for package in ("harness", "study") for path in (ROOT / package).rglob("*.py"))
VAGUE = {"utils", "util", "misc", "helpers", "helper", "common"}
LONGEST = 300
SLOW = {"fastai", "matplotlib", "pandas", "scipy", "sklearn", "statsmodels", "torch"}  # to import

WITHOUT_TORCH = (
    "harness.claims",
    "harness.command_line",
    "harness.evidence",
    "harness.plan",
    "harness.record",
    "harness.regression",
    "harness.statistics",
    "study.__main__",
    *(f"harness.report.{path.stem}" for path in sorted((ROOT / "harness/report").glob("[!_]*.py"))),
)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in FILES}


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Every module, and every name that may be one, that the import statements among ``nodes`` mention."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def anywhere(path: Path) -> set[str]:
    """Imports at any depth, within functions too."""
    return imported(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def run_on_import(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that importing a module carries out: not those in functions or for type checkers only."""
    for node in nodes:
        if isinstance(node, ast.If):
            checked_only = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            yield from run_on_import(node.orelse if checked_only else node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from run_on_import(node.body + node.orelse + node.finalbody)
        else:
            yield node


@cache
def on_import(name: str) -> frozenset[str]:
    nodes = run_on_import(ast.parse(MODULES[name].read_text(encoding="utf-8")).body)
    return frozenset(imported(iter(nodes)))


def chain_to(start: str, package: str) -> list[str]:
    """The shortest chain of imports from ``start`` to a module of ``package``, or an empty list."""
    queue, seen = [[start]], {start}
    while queue:
        chain = queue.pop(0)
        for name in sorted(on_import(chain[-1])):
            if name.partition(".")[0] == package:
                return [*chain, name]
            if name in MODULES and name not in seen:
                seen.add(name)
                queue.append([*chain, name])
    return []


def test_the_harness_never_imports_the_study() -> None:
    harness = [path for path in FILES if path.is_relative_to(ROOT / "harness")]
    assert len(harness) > 40
    guilty = {
        module_name(path): name for path in harness for name in anywhere(path) if name.partition(".")[0] == "study"
    }
    assert guilty == {}


def test_the_implementation_from_scratch_never_imports_fastai_nor_the_other_one() -> None:
    own = [name for name in MODULES if name.startswith("harness.scratch.")]
    assert own
    foreign = ("fastai", "fastcore", "harness.with_fastai")
    guilty = {name: wanted for name in own for wanted in anywhere(MODULES[name]) if (wanted + ".").startswith(foreign)}
    assert guilty == {}
    assert [chain_to(name, "fastai") for name in own] == [[]] * len(own)


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_reporting_and_planning_import_no_torch_along_any_chain(name: str) -> None:
    assert chain_to(name, "torch") == []
    assert chain_to(name, "fastai") == []


def test_the_command_line_and_the_process_that_starts_workers_load_nothing_slow() -> None:
    code = f"import sys, harness.engine, study.__main__; print(*sorted({SLOW} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_chain_of_imports_is_found_where_there_is_one() -> None:
    assert chain_to("harness.cells", "torch") == ["harness.cells", "torch"]
    assert chain_to("harness.with_fastai.training", "fastai")[-1].startswith("fastai")
    assert chain_to("harness.rates", "torch") == []  # for type checkers only


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in FILES if VAGUE & set(path.relative_to(ROOT).with_suffix("").parts)] == []


def test_no_file_is_too_long_to_read_in_one_sitting() -> None:
    lengths = {module_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
