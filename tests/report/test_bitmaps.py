from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from harness.report.appearance import svg_bytes
from harness.report.bitmaps import bitmaps


def drawing(width: float, height: float, colour: str) -> bytes:
    """An SVG of so many inches, all in one colour."""
    return svg_bytes(Figure(figsize=(width, height), facecolor=colour))


def test_each_drawing_becomes_a_picture_of_its_own_size_and_colour():
    pictures = bitmaps({"wide": drawing(3.0, 1.0, "#ff0000"), "high": drawing(1.0, 2.0, "#0000ff")})
    wide, high = (imread(io.BytesIO(pictures[name])) for name in ("wide", "high"))
    assert wide.shape[:2] == (200, 600)
    assert high.shape[:2] == (400, 200)
    assert np.allclose(wide[100, 300, :3], (1.0, 0.0, 0.0))
    assert np.allclose(high[200, 100, :3], (0.0, 0.0, 1.0))


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_are_pictures_by_name_too(count):
    drawings = {"only": drawing(1.0, 1.0, "white")} if count else {}
    assert list(bitmaps(drawings)) == list(drawings)
