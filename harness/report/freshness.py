"""Whether the generated files that are committed are those of the records."""

from __future__ import annotations

from pathlib import Path

from harness.report import paper, readme
from harness.report.inputs import ReportInputs


def stale(inputs: ReportInputs, folder: Path) -> tuple[str, ...]:
    """Name what differs from a fresh build in the paper's ``folder`` and in the README beside it.

    That is a number, table, figure or caption whose text is another, that is missing, or that is there although no
    build makes it; and the PDF, where it was made from other files than those that are there.

    Raises:
        ReadmeError: as :func:`harness.report.readme.updated`.
    """
    fresh = paper.texts(inputs) | paper.figures(inputs)
    there = {path.relative_to(folder).as_posix(): path for part in paper.GENERATED for path in folder.glob(part)}
    found = {name for name in fresh.keys() & there if there[name].read_text(encoding="utf-8") != fresh[name]}
    found |= fresh.keys() ^ there
    pdf = folder / paper.PDF
    if not pdf.exists() or paper.source_digest(folder).encode() not in pdf.read_bytes():
        found.add(pdf.name)
    text = readme.readme_of(folder)
    if readme.updated(inputs, fresh, folder) != text.read_text(encoding="utf-8"):
        found.add(text.name)
    return tuple(sorted(found))
