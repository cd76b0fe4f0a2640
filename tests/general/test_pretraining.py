"""Stage 1 from beginning to end on a few numbers: the files it writes, what its record says, and the command."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import vector_to_parameters

from harness.command_line import main
from harness.corpus.general import GeneralCorpus, GeneralText
from harness.corpus.sources import Sources
from harness.general import pretraining
from harness.general.checkpoints import run_key
from harness.general.pretraining import Places, pretrain, without_unseen
from harness.general.recipe import PretrainingRecipe
from harness.general.replica import Replica
from harness.language_models import shipped_model
from harness.quantised import dequantise, quantise
from harness.scratch.models import LanguageModel
from harness.specification import Direction, Dropouts, Hardware, ModelSize, Optimization, ShippedModel
from harness.weights import EMBEDDING, WeightsError, load, weights_digest
from study.__main__ import STUDY

WORDS = tuple(f"wörd-{number}" for number in range(50))
EVALUATION = {"wikipedia": 130, "wikitext-validation": 90, "wikitext-test": 77}
RECIPE = PretrainingRecipe(
    name="tiny-forward",
    corpus=GeneralCorpus("tiny", "A few numbers", ("archive",), held_out=10, licence="none"),
    size=ModelSize(embedding=8, hidden=9, layers=2, max_vocabulary=len(WORDS)),
    direction="forward",
    steps=8,
    shards=2,
    rows=2,
    bptt=5,
    base_rate=0.3,
    candidates=15,
    largest_norm=1.0,
    dropouts=Dropouts(output=0.2, hidden=0.1, input=0.1, embedding=0.1, weight=0.1),
    optimization=Optimization(activation_penalty=0, temporal_penalty=0),
)
STUDY_OF_NUMBERS = replace(
    STUDY,
    pretraining={"tiny-forward": RECIPE, "tiny-backward": replace(RECIPE, name="tiny-backward", direction="backward")},
)


def zipf(count: int, seed: int) -> NDArray[np.uint16]:
    """Random ids in which every word occurs, the first ones most often."""
    shares = 1 / np.arange(1, len(WORDS) + 1)
    ids = np.random.RandomState(seed).choice(len(WORDS), count, p=shares / shares.sum())
    return np.concatenate([np.arange(len(WORDS)), ids])[:count].astype(np.uint16)


TEXT = GeneralText(
    vocabulary=WORDS,
    training=zipf(700, 1),
    offsets=np.array([0, 100, 130, 400, 700]),
    evaluation={name: zipf(count + 50, count)[50:] for name, count in EVALUATION.items()},
    dropped={"same page again": 3, "no text": 2},
    digest="0123456789abcdef" * 4,
)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Training sets this process to one thread, without denormal numbers."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What text is asked for; the numbers above are given instead."""
    seen: list[tuple[Any, ...]] = []

    def given(*arguments: Any) -> GeneralText:
        seen.append(arguments[:-1])
        arguments[-1](0.5)
        return TEXT

    monkeypatch.setattr(pretraining, "general_text", given)
    return seen


def places(folder: Path) -> Places:
    return Places(Sources(folder / "cache", None), folder / "checkpoints", folder / "models")


@dataclass(frozen=True)
class Made:
    """What one run of ``recipe`` left in ``folder``, and the line it returned."""

    recipe: PretrainingRecipe
    folder: Path
    line: str

    @property
    def path(self) -> Path:
        return self.folder / f"models/{self.recipe.name}.safetensors"

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
        return record


def made(folder: Path, recipe: PretrainingRecipe = RECIPE) -> Made:
    return Made(recipe, folder, pretrain(recipe, places(folder), Hardware(), 1))


@pytest.fixture
def forward(tmp_path: Path) -> Made:
    return made(tmp_path)


def test_the_model_ships_as_weights_vocabulary_and_record(forward: Made) -> None:
    assert sorted(path.name for path in forward.path.parent.iterdir()) == [
        "tiny-forward.json",
        "tiny-forward.safetensors",
        "tiny-forward.vocabulary.json",
    ]
    weights, _ = load(forward.path)
    assert weights[EMBEDDING].dtype == torch.int8
    assert weights[EMBEDDING].shape == (50, 8)
    written = forward.path.with_suffix(".vocabulary.json").read_text(encoding="utf-8")
    assert json.loads(written) == list(WORDS)
    assert "wörd-7" in written  # as it is read, not escaped


def test_the_record_says_what_was_read_and_where(forward: Made, asked: list[tuple[Any, ...]]) -> None:
    record = forward.record
    assert asked == [(RECIPE.corpus, 50, places(forward.folder).sources, 1)]
    assert record["recipe"] == json.loads(json.dumps(RECIPE.facts()))
    assert record["corpus"] == {"digest": TEXT.digest, "documents": 4, "dropped": TEXT.dropped}
    assert (record["steps"], record["tokens"], record["tokens_available"]) == (8, 8 * 2 * 2 * 5, 700)
    assert (record["vocabulary"], record["workers"], record["environment"]["device"]) == (50, 1, "cpu")
    assert len(record["losses"]) == 1
    assert 1 < record["losses"][0] < 10
    assert set(record["perplexity"]) == set(EVALUATION)


def test_a_text_that_ends_early_counts_the_tokens_that_were_read(tmp_path: Path) -> None:
    record = made(tmp_path, replace(RECIPE, steps=99, rows=20)).record  # 17 tokens a row are three steps
    assert (record["steps"], record["tokens"]) == (3, 3 * 2 * 20 * 5)


def test_the_file_is_the_one_the_record_names_and_the_study_loads_it_by_that_digest(forward: Made) -> None:
    digest = forward.record["digest"]
    weights, _ = load(forward.path)
    assert weights_digest(weights) == digest
    assert f"{forward.path}: digest {digest}; perplexity wikipedia " in forward.line
    shipped = ShippedModel("tiny-forward", digest)
    same = shipped_model(shipped, WORDS, forward.path.parent)
    assert all(torch.equal(same[name], tensor) for name, tensor in dequantise(weights).items())
    turned = shipped_model(shipped, WORDS[::-1], forward.path.parent)
    assert torch.equal(turned[EMBEDDING], same[EMBEDDING].flip(0))


@torch.no_grad()
def perplexities(model: LanguageModel, step: int) -> dict[str, float]:
    """Of texts read in one piece each, forward (step 1) or backward (-1)."""
    model.eval()
    found: dict[str, float] = {}
    for name, ids in TEXT.evaluation.items():
        tokens = torch.from_numpy(ids.astype(np.int64)[::step].copy())[None]
        logits: Tensor = model(tokens[:, :-1], model.encoder.initial_state(1))[0]
        found[name] = math.exp(float(nn.functional.cross_entropy(logits[0], tokens[0, 1:])))
    return found


@pytest.mark.parametrize(("direction", "step"), [("forward", 1), ("backward", -1)])
def test_the_perplexity_is_that_of_the_rounded_weights(tmp_path: Path, direction: Direction, step: int) -> None:
    recipe = replace(RECIPE, direction=direction, bptt=60, rows=1, base_rate=0.5)  # held-out text fits one row
    outcome = made(tmp_path, recipe)
    recorded = outcome.record["perplexity"]
    rounded, _ = load(outcome.path)
    model = LanguageModel(len(WORDS), recipe.size, recipe.dropouts)
    model.load_state_dict(dequantise(rounded))
    assert recorded == pytest.approx(perplexities(model, step), abs=0.0006)
    assert recorded != pytest.approx(perplexities(model, -step), abs=0.1)
    (checkpoint,) = tmp_path.glob("checkpoints/*.safetensors")
    vector_to_parameters(load(checkpoint)[0]["weights"], model.parameters())
    kept = quantise(model.state_dict())
    assert kept.keys() == rounded.keys()
    assert all(torch.equal(tensor, rounded[name]) for name, tensor in kept.items())
    assert recorded != pytest.approx(perplexities(model, step), abs=0.0012)


def test_a_model_made_again_is_the_same_to_the_bit_and_from_its_checkpoint_at_once(
    forward: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made(tmp_path / "elsewhere").record["digest"] == forward.record["digest"]
    assert made(tmp_path / "reseeded", replace(RECIPE, seed=1)).record["digest"] != forward.record["digest"]
    record = forward.record
    shutil.rmtree(forward.path.parent)
    monkeypatch.setattr(Replica, "gradient", None)  # no step can be taken
    assert made(tmp_path).record == record


def test_another_text_does_not_go_on_from_the_checkpoint(forward: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(TEXT, training=zipf(700, 2), digest="f" * 64)
    monkeypatch.setattr(pretraining, "general_text", lambda *_: other)
    before = forward.record
    after = made(forward.folder).record
    assert (after["corpus"]["digest"], after["steps"]) == ("f" * 64, 8)
    assert after["digest"] != before["digest"]
    assert len(list(forward.folder.glob("checkpoints/*"))) == 2


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``pretrain`` in this process, as its own main program would."""
    for name in ("FORCE_COLOR", "DFT_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DFT_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["study", "pretrain", "--output", str(tmp_path / "models"), *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(STUDY_OF_NUMBERS)
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


def test_the_command_trains_all_declared_models_and_prints_what_it_wrote(command: Command, tmp_path: Path) -> None:
    said = command("--workers", "1")
    assert (said.status, said.err) == (0, "")
    for recipe in STUDY_OF_NUMBERS.pretraining.values():
        digest = Made(recipe, tmp_path, "").record["digest"]
        assert f"{recipe.name}.safetensors: digest {digest}; perplexity wikipedia " in said.out
    assert len(list((tmp_path / "cache/checkpoints").iterdir())) == 2


def test_the_command_trains_only_the_model_that_is_named_and_keeps_checkpoints_where_told(
    command: Command, tmp_path: Path
) -> None:
    said = command("tiny-backward", "--workers", "1", "--checkpoints", str(tmp_path / "kept"))
    assert said.status == 0
    assert {path.stem.partition(".")[0] for path in (tmp_path / "models").iterdir()} == {"tiny-backward"}
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize("before", [(), ("tiny-backward",)], ids=["alone", "after a known one"])
def test_an_unknown_model_is_one_clear_line_with_the_known_ones(
    command: Command, tmp_path: Path, before: tuple[str, ...]
) -> None:
    said = command(*before, "tiny-forwrad")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("error: unknown model 'tiny-forwrad'. Did you mean 'tiny-forward'? Valid: ")
    assert all(name in said.err.partition("Valid: ")[2] for name in STUDY_OF_NUMBERS.pretraining)
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_command_says_how_to_go_on_and_does(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pretraining, "train", interrupt)
        said = command("tiny-forward", "--workers", "1")
    assert (said.status, "run the same command again" in said.err) == (130, True)
    assert not (tmp_path / "models").exists()
    assert command("tiny-forward", "--workers", "1").status == 0


def test_a_word_that_the_text_never_has_keeps_no_share_of_the_predictions() -> None:
    weights = {"decoder_bias": torch.tensor([0.5, 0.0, -3.0, 1.0, 0.0]), "other": torch.ones(2)}
    rows = torch.tensor([[0, 2, 2], [3, 0, 0]], dtype=torch.uint16)
    lowered = without_unseen(weights, rows)
    assert lowered["decoder_bias"].tolist() == [0.5, -3.0, -3.0, 1.0, -3.0]
    assert lowered["other"] is weights["other"]
    assert weights["decoder_bias"].tolist() == [0.5, 0.0, -3.0, 1.0, 0.0]


def test_a_second_sitting_starts_from_the_product_of_the_first(forward: Made) -> None:
    first = ShippedModel("tiny-forward", forward.record["digest"])
    still = replace(RECIPE, name="tiny-second", base_rate=1e-12, start=first, seed=1)
    second = made(forward.folder, still)
    before, after = (dequantise(load(path)[0]) for path in (forward.path, second.path))
    assert all(torch.allclose(before[name], after[name], atol=0.02) for name in before if name != "decoder_bias")
    assert second.record["recipe"]["start"] == {"name": "tiny-forward", "digest": first.digest}
    onward = made(forward.folder, replace(still, name="tiny-third", base_rate=0.02))
    assert onward.record["perplexity"]["wikipedia"] < forward.record["perplexity"]["wikipedia"]


def test_a_product_to_start_from_that_is_not_the_declared_one_is_an_error(forward: Made) -> None:
    with pytest.raises(WeightsError, match=r"tiny-forward\.safetensors"):
        made(forward.folder, replace(RECIPE, name="tiny-second", start=ShippedModel("tiny-forward", "0" * 64)))
    onward = replace(RECIPE, name="tiny-second", start=ShippedModel("tiny-forward", forward.record["digest"]))
    other = replace(RECIPE.size, hidden=10)
    for changed in (replace(onward, direction="backward"), replace(onward, size=other)):
        with pytest.raises(WeightsError, match=r"tiny-forward\.json: is not a"):
            made(forward.folder, changed)


def test_an_earlier_product_may_lie_elsewhere_than_the_new_one(forward: Made, tmp_path: Path) -> None:
    onward = replace(RECIPE, name="tiny-second", start=ShippedModel("tiny-forward", forward.record["digest"]))
    new = replace(places(forward.folder), models=tmp_path / "new")
    with pytest.raises(WeightsError):
        pretrain(onward, new, Hardware(), 1)
    pretrain(onward, replace(new, earlier=forward.path.parent), Hardware(), 1)
    assert (tmp_path / "new" / "tiny-second.safetensors").exists()


def test_a_recipe_without_a_warm_start_has_the_key_that_it_had_before_there_were_any() -> None:
    assert "start" not in RECIPE.facts()
    start = ShippedModel("tiny-forward", "0" * 64)
    keys = {run_key(recipe, "text", "float32") for recipe in (RECIPE, replace(RECIPE, start=start))}
    assert len(keys) == 2
