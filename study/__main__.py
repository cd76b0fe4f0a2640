"""``python -m study``: the command line of this study."""

from __future__ import annotations

if __name__ == "__main__":  # worker processes import this module too, and need nothing of it
    from harness.command_line import main
    from study.declaration import STUDY

    main(STUDY)
