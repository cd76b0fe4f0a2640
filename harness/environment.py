"""Where a cell ran: versions, commit, device, memory, and the digest of the code that determines its numbers."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import platform
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from harness.record import Environment
from harness.specification import Hardware, Precision

ROOT = Path(__file__).resolve().parent.parent
TRAINING_SOURCES = (
    "harness/rates.py",
    "harness/precision.py",
    "harness/schedules.py",
    "harness/unfreezing.py",
    "harness/seeds.py",
    "harness/weights.py",
    "harness/quantised.py",
    "harness/jobs.py",
    "harness/tasks.py",
    "harness/engine.py",
    "harness/workplace.py",
    "harness/metrics.py",
    "harness/probabilities.py",
    "harness/cells.py",
    "harness/language_models.py",
    "harness/corpus/encoding.py",
    "harness/corpus/kept_arrays.py",
    "harness/corpus/splits.py",
    "harness/corpus/subsets.py",
    "harness/corpus/texts.py",
    "harness/corpus/tokens.py",
    "harness/corpus/vocabulary.py",
    "harness/scratch/awd_lstm.py",
    "harness/scratch/batches.py",
    "harness/scratch/cross_entropy.py",
    "harness/scratch/models.py",
    "harness/scratch/optimizer.py",
    "harness/scratch/penalties.py",
    "harness/scratch/recompute.py",
    "harness/scratch/training.py",
    "harness/with_fastai/callbacks.py",
    "harness/with_fastai/conversion.py",
    "harness/with_fastai/loaders.py",
    "harness/with_fastai/training.py",
)


@functools.cache
def source_digest() -> str:
    """SHA-256 of the training code as it was when this process first asked; see ``current_source_digest``."""
    return current_source_digest()


def current_source_digest() -> str:
    """SHA-256 of the training code without comments, docstrings and layout, so that rewording changes nothing."""
    digest = hashlib.sha256()
    for name in TRAINING_SOURCES:
        digest.update(name.encode() + b"\0" + normalised((ROOT / name).read_text(encoding="utf-8")).encode())
    return digest.hexdigest()


@functools.cache  # asked for before every task, of files that hardly ever change
def normalised(source: str) -> str:
    """Python source as its syntax tree without docstrings, in a form that no version of Python changes."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return json.dumps(_plain(tree))


def _plain(node: object) -> object:
    """A syntax tree as lists and texts, without empty fields, which differ between versions of Python."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [[name, _plain(value)] for name, value in ast.iter_fields(node) if value is not None and value != []]
    return [type(node).__name__, *fields]


@functools.cache
def environment(hardware: Hardware, threads: int) -> Environment:
    """Describe this process's surroundings; a CUDA device is named in the result."""
    commit, changes = _git("rev-parse", "HEAD") or "unknown", _git("status", "--porcelain", "--", "harness", "study")
    return Environment(
        commit=commit,
        modified=commit == "unknown" or changes != "",
        python=platform.python_version(),
        torch=version("torch"),
        fastai=version("fastai"),
        numpy=version("numpy"),
        platform=platform.platform(),
        processor=processor_name(),
        device=_device_name(hardware.device),
        precision=hardware.precision,
        threads=threads,
    )


def _git(*arguments: str) -> str | None:
    """What git says; None where it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def processor_name() -> str:
    """The processor's model with the vector units that choose the kernels, where the system tells."""
    if not _processor_facts():
        return platform.processor() or platform.machine()
    return f"{_processor_facts().get('model name', platform.machine())} ({' '.join(vector_units())})"


def vector_units() -> tuple[str, ...]:
    """The vector units of the processor that choose the kernels; none where the system does not tell."""
    flags = _processor_facts().get("flags", "").split()
    return tuple(unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if unit in flags)


def best_precision(device: str) -> Precision:
    """bfloat16 where ``device`` computes products in it natively, else float32.

    A processor without such units emulates them slowly, or has no bfloat16 LSTM at all.

    Raises:
        DeviceError: when there is CUDA, but not this device.
    """
    if device == "cpu":
        return "bfloat16" if {"avx512_bf16", "amx_bf16"} & set(vector_units()) else "float32"
    import torch  # noqa: PLC0415  (the process that starts workers on processors needs no torch)

    if not torch.cuda.is_available():
        return "float32"
    check_device(device)
    return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float32"


class DeviceError(ValueError):
    """A device that this machine does not have, or that torch cannot use."""


def check_device(device: str) -> None:
    """Look for the device before anything is done on it.

    Raises:
        DeviceError: when it is not there.
    """
    if device == "cpu":
        return
    import torch  # noqa: PLC0415  (as above)

    if not torch.cuda.is_available():
        raise DeviceError(f"--device {device}: torch {torch.__version__} finds no CUDA here; give --device cpu")
    number, there = int(device.partition(":")[2] or 0), torch.cuda.device_count()
    if number >= there:
        raise DeviceError(f"--device {device}: the last device of this machine is cuda:{there - 1}")


def _processor_facts() -> dict[str, str]:
    facts = Path("/proc/cpuinfo")
    if not facts.exists():
        return {}
    lines = dict(line.split(":", 1) for line in facts.read_text().splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in lines.items()}


def _device_name(device: str) -> str:
    if device == "cpu":
        return "cpu"
    import torch  # noqa: PLC0415  (the report reads environments and needs no torch)

    libraries = f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"  # type: ignore[no-untyped-call]
    return f"{device}: {torch.cuda.get_device_name(device)}, {libraries}"


def reset_peak_memory() -> None:
    """Forget this process's peak, where Linux allows it, so that the next cell measures its own."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory_mib() -> float:
    """The peak resident memory of this process in MiB, since ``reset_peak_memory`` where Linux tells."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    scale = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
