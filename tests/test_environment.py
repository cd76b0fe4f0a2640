from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness import environment
from harness.environment import ROOT, TRAINING_SOURCES, normalised, peak_memory_mib, source_digest
from harness.specification import Hardware

X = ["Name", ["id", "'x'"], ["ctx", ["Load"]]]
SOURCE = '''"""A module."""

import math


class Area:
    """A class."""

    unit = "m"

    def of(self, radius):
        """The area."""
        return math.pi * radius ** 2
'''


@pytest.fixture
def copied_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the training code, digested in place of the real one."""
    for name in TRAINING_SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    source_digest.cache_clear()
    yield tmp_path
    source_digest.cache_clear()


def current_digest() -> str:
    source_digest.cache_clear()
    return source_digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another text.\n\nLonger."""'),
        ('    """A class."""\n\n', ""),
        ('"""The area."""', '"""πr², in square units."""'),
        ("    unit", "    # why\n    unit"),
        ("radius ** 2", "(radius**2)  # squared"),
        ('"m"', "'m'"),
    ],
)
def test_wording_and_layout_do_not_count_as_code(old: str, new: str) -> None:
    changed = SOURCE.replace(old, new)
    assert changed != SOURCE
    assert normalised(changed) == normalised(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"), [("** 2", "** 3"), ('"m"', '"km"'), ("math.pi *", "math.pi +"), ("def of", "def area_of")]
)
def test_a_change_of_code_counts(old: str, new: str) -> None:
    assert normalised(SOURCE.replace(old, new)) != normalised(SOURCE)


def test_a_function_that_is_only_a_docstring_stays_valid_code() -> None:
    stripped = normalised('def nothing():\n    """Do nothing."""\n')
    assert "nothing" in stripped
    assert "Do nothing" not in stripped
    assert stripped == normalised("def nothing():\n    pass\n")


def test_the_normal_form_is_the_same_in_every_version_of_python() -> None:
    # What a later version adds to a function (type parameters), and how it prints f-strings, leaves no trace.
    index = ["Subscript", ["value", X], ["slice", ["Constant", ["value", "'a'"]]], ["ctx", ["Load"]]]
    text = ["JoinedStr", ["values", [["FormattedValue", ["value", index], ["conversion", "-1"]]]]]
    arguments = ["arguments", ["args", [["arg", ["arg", "'x'"]]]]]
    body = ["body", [["Return", ["value", text]]]]
    function = ["FunctionDef", ["name", "'show'"], ["args", arguments], body]
    found = json.loads(normalised("def show(x):\n    return f\"{x['a']}\"\n"))
    assert found == ["Module", ["body", [function]]]


def test_every_training_source_exists_and_counts_in_the_digest(copied_sources: Path) -> None:
    digests = {"unchanged": current_digest()}
    for name in TRAINING_SOURCES:
        path = copied_sources / name
        path.write_text(path.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")
        digests[name] = current_digest()
    assert len(set(digests.values())) == 1 + len(set(TRAINING_SOURCES))


def test_a_remark_in_a_training_source_does_not_change_the_digest(copied_sources: Path) -> None:
    before = current_digest()
    path = copied_sources / TRAINING_SOURCES[0]
    path.write_text(path.read_text(encoding="utf-8") + "\n# only a remark\n", encoding="utf-8")
    assert current_digest() == before


def test_the_digest_of_a_copy_is_that_of_the_original(copied_sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = current_digest()
    monkeypatch.setattr(environment, "ROOT", ROOT)
    assert current_digest() == copied


def test_the_same_code_in_another_file_is_another_digest(copied_sources: Path) -> None:
    first, second = (copied_sources / name for name in TRAINING_SOURCES[:2])
    digests = []
    for contents in (("MOVED = 1", ""), ("", "MOVED = 1")):
        first.write_text(contents[0], encoding="utf-8")
        second.write_text(contents[1], encoding="utf-8")
        digests.append(current_digest())
    assert digests[0] != digests[1]


@pytest.mark.parametrize("package", ["harness/scratch", "harness/with_fastai"])
def test_every_module_of_an_implementation_is_a_training_source(package: str) -> None:
    modules = {f"{package}/{path.name}" for path in (ROOT / package).glob("*.py")} - {f"{package}/__init__.py"}
    assert modules
    assert modules <= set(TRAINING_SOURCES)


def test_the_environment_names_what_the_numbers_depend_on() -> None:
    found = environment.environment(Hardware(), 3)
    assert (found.device, found.precision, found.threads) == ("cpu", "float32", 3)
    assert found.torch
    assert found.fastai.startswith("2.")
    assert found.processor


def test_a_gpu_is_named_with_the_libraries_that_choose_its_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card of {device}")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 92000)
    found = environment.environment.__wrapped__(Hardware("cuda:1", "bfloat16"), 1)  # no other test is to find it
    assert found.device == "cuda:1: card of cuda:1, CUDA 13.0, cuDNN 92000"


def test_peak_memory_is_in_mib_and_at_least_what_was_just_held() -> None:
    held = bytearray(b"x") * (64 * 2**20)
    peak = peak_memory_mib()
    assert len(held) / 2**20 <= peak < 64 * 1024  # in KiB it would be above
