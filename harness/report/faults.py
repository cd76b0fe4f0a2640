"""What can be wrong with the text around the generated parts: apart, so that naming it loads no drawing library."""

from __future__ import annotations


class PaperError(ValueError):
    """A paper that cannot be built; the message gives typst's reason."""


class ReadmeError(ValueError):
    """A README that has no place for the generated part; the message names the file and the remedy."""
