"""The paper: generated numbers, tables and figures beside its source, and the PDF that the source makes of them.

The source asks for numbers by name (``numbers.typ``). A name that does not exist fails the build; one that nothing asks
for is listed. The same records and source give the same bytes: no date, no fonts but typst's own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import typst

from harness.report.appearance import COLUMN_WIDTH
from harness.report.comma_separated import to_csv
from harness.report.every_cell import crossed_table, finals_table, tuning_table
from harness.report.faults import PaperError
from harness.report.inputs import ReportInputs
from harness.report.listings import datasets_table
from harness.report.numbers import numbers, to_json
from harness.report.page import report_tables
from harness.report.tables import ABSENT, to_latex, to_markdown, to_neutral

SOURCE, NUMBERS, PDF = "paper.typ", "numbers.json", "paper.pdf"
GENERATED = (NUMBERS, "tables/*", "figures/*")  # the text files that a build makes, as patterns
WRITTEN = ("*.typ", "sections/*.typ", "*.bib")  # what the PDF is made from besides
# The figures that the paper shows.
KINDS = (
    "error-against-decay",
    "differences-to-uniform",
    "displacement",
    "agreement",
    "every-rate",
    "error-against-tokens",
    "low-shot",
    "published-contrasts",
    "realised-rates",
)


@dataclass(frozen=True)
class Paper:
    """The built paper, the files made for it, and the generated numbers that there are and its text never uses.

    ``pages`` are those of its body, before the references.
    """

    pdf: Path
    pages: int
    files: tuple[str, ...]
    unused: tuple[str, ...]


def build(inputs: ReportInputs, folder: Path) -> Paper:
    """Write numbers, tables and figures into ``folder``, which holds the source, and make the PDF there.

    Raises:
        PaperError: when the source asks for a number that does not exist, is faulty or missing.
        ValueError: when the records contradict each other, as :func:`harness.claims.final_records`.
    """
    if not (folder / SOURCE).is_file():
        raise PaperError(f"{folder} has no {SOURCE}; name the folder of the paper's source")
    files = texts(inputs) | figures(inputs)
    for path in (folder / "figures").glob("*.svg"):  # of an earlier build
        path.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    pdf, used, pages = compile_paper(folder)
    (folder / PDF).write_bytes(pdf)
    known = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
    unused = tuple(name for name, value in known.items() if name not in used and value != ABSENT)
    return Paper(folder / PDF, pages, tuple(files), unused)


def texts(inputs: ReportInputs) -> dict[str, str]:
    """The generated text files by path: the numbers, and each table as Markdown, LaTeX, CSV and JSON."""
    summaries = inputs.summaries
    tables = report_tables(inputs) | {
        "datasets": datasets_table(inputs.records),
        "tuning": tuning_table(summaries, inputs.records, inputs.protocol, inputs.titles),
        "finals": finals_table(summaries, inputs.records, inputs.protocol, inputs.titles),
        "crossed": crossed_table(inputs.records, inputs.titles),
    }
    files = {NUMBERS: to_json(numbers(inputs))}
    for name, table in tables.items():
        files[f"tables/{name}.md"] = to_markdown(table)
        files[f"tables/{name}.tex"] = to_latex(table)
        files[f"tables/{name}.csv"] = to_csv(table)
        files[f"tables/{name}.json"] = to_neutral(table)
    return files


def figures(inputs: ReportInputs) -> dict[str, str]:
    """The paper's figures as SVG, and their captions, by path."""
    files: dict[str, str] = {}
    captions = []
    for plate in inputs.plates:
        kind = next((kind for kind in KINDS if plate.name.startswith(kind)), None)
        if kind is not None and plate.name in inputs.drawings:
            files[f"figures/{plate.name}.svg"] = inputs.drawings[plate.name].decode()
            file = f"figures/{plate.name}.svg"
            wide = plate.figure is not None and bool(plate.figure.get_figwidth() > COLUMN_WIDTH)
            named = {"kind": kind, "name": plate.name, "recipe": plate.recipe, "wide": wide}
            captions.append(named | {"file": file, "caption": plate.caption})
    return files | {"figures/captions.json": json.dumps(captions, indent=1, ensure_ascii=False) + "\n"}


def source_digest(folder: Path) -> str:
    """SHA-256 over all that a PDF is made from; the PDF names it among its keywords, so that a stale one is found."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in (*WRITTEN, *GENERATED) for path in folder.glob(pattern)}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\0".encode() + content)
    return digest.hexdigest()


def compile_paper(folder: Path) -> tuple[bytes, frozenset[str], int]:
    """Compile the source in ``folder``; return the PDF, the names of the numbers that it used, and its body's pages.

    Raises:
        PaperError: with what typst says, its warnings included.
    """
    told = {"digest": source_digest(folder)}
    try:
        compiler = typst.Compiler(folder / SOURCE, root=folder, ignore_system_fonts=True, sys_inputs=told)
        pdf, warnings = compiler.compile_with_warnings(format="pdf")
        used = json.loads(compiler.query("<number>", field="value"))
        ends = json.loads(compiler.query("<end-of-body>", field="value"))
    except (typst.TypstError, FileNotFoundError) as error:
        raise PaperError(f"{folder / SOURCE}: {error}") from error
    if len(ends) != 1:
        raise PaperError(f"{folder / SOURCE}: {len(ends)} marks called <end-of-body>; put one before the references")
    if warnings or not isinstance(pdf, bytes):
        raise PaperError(f"{folder / SOURCE}: " + "; ".join(str(warning) for warning in warnings))
    return pdf, frozenset(used), ends[0]
