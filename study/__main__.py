"""``python -m study``: the command line of this study."""

from __future__ import annotations

from harness.command_line import main
from harness.study_definition import Study
from study.arms import ARMS
from study.baselines import BASELINES
from study.claims import CLAIMS, HEADLINES
from study.datasets import DATASETS
from study.own import OWN
from study.pretraining import PRETRAINING, UNSHIPPED
from study.profiles import PROFILES
from study.protocol import PROTOCOL
from study.published import PUBLISHED

STUDY = Study(
    datasets=DATASETS,
    arms=ARMS,
    profiles=PROFILES,
    claims=CLAIMS,
    protocol=PROTOCOL,
    pretraining=PRETRAINING,
    baselines=BASELINES,
    published=PUBLISHED,
    unshipped=UNSHIPPED,
    own=OWN,
    headlines=HEADLINES,
)

if __name__ == "__main__":
    main(STUDY)
