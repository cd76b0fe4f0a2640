"""Which layer groups train in which epoch."""

from __future__ import annotations

from harness.specification import Unfreezing


def trainable_groups(unfreezing: Unfreezing, epoch: int, groups: int) -> tuple[bool, ...]:
    """Whether each of ``groups`` layer groups (lowest first) trains in ``epoch`` (0-based).

    - ``all``: every group in every epoch.
    - ``last``: only the top group.
    - ``gradual``: the top group in the first epoch, one more each epoch (Howard & Ruder 2018, section 3.3).
    - ``chain-thaw``: the top group, then each other group alone from the lowest up, then all together
      (Felbo et al. 2017), one epoch each; the last phase takes all epochs that remain.

    Raises:
        ValueError: when ``unfreezing`` is unknown.
    """
    top = groups - 1
    if unfreezing == "all":
        return (True,) * groups
    if unfreezing == "last":
        return tuple(group == top for group in range(groups))
    if unfreezing == "gradual":
        return tuple(group >= top - epoch for group in range(groups))
    if unfreezing == "chain-thaw":
        if epoch > top:
            return (True,) * groups
        alone = top if epoch == 0 else epoch - 1
        return tuple(group == alone for group in range(groups))
    raise ValueError(f"unknown unfreezing {unfreezing!r}")
