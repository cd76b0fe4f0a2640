"""Pre-training: the same weights for any number of workers and interruptions, and faults that are named."""

from __future__ import annotations

import math
import multiprocessing
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from parity.small_jobs import NO_DROPOUT, SOME_DROPOUT, not_finite, precision
from torch import Tensor

from harness.corpus.general import GeneralCorpus
from harness.general import trainer
from harness.general.checkpoints import Checkpoint, read_checkpoint, run_key
from harness.general.recipe import PretrainingRecipe
from harness.general.replica import Replica, Stream, reading_order, total_steps
from harness.general.trainer import Run, train
from harness.schedules import factors
from harness.scratch.awd_lstm import LayerState
from harness.scratch.models import LanguageModel
from harness.scratch.penalties import penalties
from harness.specification import Hardware, ModelSize, Optimization
from harness.weights import WeightsError, initial_language_model

WORDS, STEPS = 50, 12
CORPUS = GeneralCorpus("tiny", "A few numbers", ("archive",), held_out=10, licence="none")
RECIPE = PretrainingRecipe(
    name="tiny-forward",
    corpus=CORPUS,
    size=ModelSize(embedding=8, hidden=9, layers=2, max_vocabulary=WORDS),
    direction="forward",
    steps=STEPS,
    shards=2,
    rows=2,
    bptt=5,
    base_rate=0.02,
    candidates=20,
    largest_norm=1.0,
    dropouts=SOME_DROPOUT,
    optimization=Optimization(weight_decay=0.01, beta1=0.9, epsilon=1e-8),
)
NO_PENALTIES = replace(RECIPE.optimization, activation_penalty=0, temporal_penalty=0)
WITHOUT_NOISE = replace(RECIPE, dropouts=NO_DROPOUT, candidates=WORDS)  # every word is a candidate at each step


def zipf_rows(recipe: PretrainingRecipe = RECIPE) -> Stream:
    """Ids in which every word occurs, the first ones most often; text for the recipe's steps and no more."""
    shape = recipe.shards * recipe.rows, recipe.steps * recipe.bptt + 1
    shares = 1 / np.arange(1, WORDS + 1)
    ids = np.random.RandomState(3).choice(WORDS, shape, p=shares / shares.sum()).astype(np.uint16)
    ids.reshape(-1)[:WORDS] = np.arange(WORDS)
    return ids


def a_run(folder: Path, recipe: PretrainingRecipe = RECIPE, rows: Stream | None = None) -> Run:
    rows = zipf_rows(recipe) if rows is None else rows
    return Run(
        recipe=recipe,
        start=initial_language_model(WORDS, recipe.size, seed=1),
        rows=torch.from_numpy(rows),
        steps=total_steps(rows, recipe),
        hardware=Hardware(),
        checkpoint=folder / "run.safetensors",
        key=run_key(recipe, "corpus", "float32"),
    )


def silent(_steps: int, _loss: float) -> None:
    """A report that goes nowhere."""


def never(_steps: int, _loss: float) -> None:
    raise AssertionError("a step was taken")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Training sets this process to one thread, without denormal numbers."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


@pytest.fixture
def _checkpoint_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)


def assert_same(left: Checkpoint, right: Checkpoint) -> None:
    """To the bit, apart from the time it took."""
    assert (left.steps, left.losses) == (right.steps, right.losses)
    for name in ("weights", "first_moment", "second_moment", "states"):
        assert torch.equal(getattr(left, name), getattr(right, name)), name


def interrupted_at(run: Run, step: int) -> None:
    """Train until ``step`` is reported, whose checkpoint is not written any more."""

    def interrupt(steps: int, _loss: float) -> None:
        if steps == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, 1, interrupt)


@pytest.mark.usefixtures("_checkpoint_each_step")
def test_two_workers_go_on_from_one_and_reach_the_weights_of_one_alone(tmp_path: Path) -> None:
    alone, in_turn = a_run(tmp_path / "alone"), a_run(tmp_path / "in turn")
    interrupted_at(in_turn, 6)
    assert_same(train(in_turn, 2, silent), train(alone, 1, silent))


@pytest.mark.usefixtures("_checkpoint_each_step")
@pytest.mark.parametrize("step", [1, 2, 7, STEPS])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(tmp_path: Path, step: int) -> None:
    straight, broken = a_run(tmp_path / "straight"), a_run(tmp_path / "broken")
    interrupted_at(broken, step)
    kept = read_checkpoint(broken.checkpoint, broken.key)
    assert (kept.steps if kept else 0) == step - 1
    taken: list[int] = []
    resumed = train(broken, 1, lambda steps, _loss: taken.append(steps))
    assert taken == list(range(step, STEPS + 1))
    assert_same(resumed, train(straight, 1, silent))
    assert len(resumed.losses) == STEPS
    assert kept is None or resumed.seconds > kept.seconds


@pytest.mark.usefixtures("_checkpoint_each_step")
def test_what_is_returned_is_what_the_checkpoint_holds(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    returned = train(run, 1, silent)
    kept = read_checkpoint(run.checkpoint, run.key)
    assert kept is not None
    assert_same(kept, returned)
    assert kept.seconds == returned.seconds
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    finished = train(run, 1, silent)
    written = run.checkpoint.stat().st_mtime_ns
    again = train(run, 1, never)
    assert_same(again, finished)
    assert (again.seconds, run.checkpoint.stat().st_mtime_ns) == (finished.seconds, written)


@pytest.mark.parametrize(
    "changed",
    [
        {"recipe": replace(RECIPE, base_rate=0.03)},
        {"recipe": replace(RECIPE, corpus=replace(CORPUS, held_out=11))},
        {"corpus_digest": "other"},
        {"precision": "bfloat16"},
        {"device": "cuda:1"},
    ],
    ids=["recipe", "declared corpus", "text", "precision", "device"],
)
def test_a_checkpoint_is_refused_by_a_run_that_differs_in(tmp_path: Path, changed: dict[str, str]) -> None:
    run = a_run(tmp_path)
    train(run, 1, silent)
    before = run.checkpoint.read_bytes()
    facts = {"recipe": RECIPE, "corpus_digest": "corpus", "precision": "float32"}
    other = replace(run, key=run_key(**(facts | changed)))  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=r"run\.safetensors: checkpoint of another recipe, corpus, precision or"):
        train(other, 1, never)
    assert run.checkpoint.read_bytes() == before


def test_runs_on_processors_keep_their_checkpoints_and_runs_on_any_gpu_share_theirs() -> None:
    on_a_processor = "50861631af5304444b54648f76d8d8e4633c855766d4eaac1d564f697fa260a5"
    assert run_key(RECIPE, "corpus", "float32") == run_key(RECIPE, "corpus", "float32", "cpu") == on_a_processor
    on_a_gpu = run_key(RECIPE, "corpus", "float32", "cuda")
    assert on_a_gpu == run_key(RECIPE, "corpus", "float32", "cuda:1") != on_a_processor


def test_on_a_gpu_kernels_are_deterministic_and_the_device_is_prepared_before_the_model_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    hardware = Hardware("cuda:1", "bfloat16")
    monkeypatch.setattr(trainer, "_board", lambda _run, _checkpoint: None)
    monkeypatch.setattr(trainer, "deterministic_kernels", lambda: done.append("deterministic"))
    monkeypatch.setattr(trainer, "prepare", done.append)
    monkeypatch.setattr(trainer, "Replica", lambda *_: pytest.fail(f"{done}"))
    with pytest.raises(pytest.fail.Exception) as built:
        train(replace(a_run(tmp_path), hardware=hardware), 2, never)
    assert str(built.value) == f"{['deterministic', hardware]}"


def test_on_a_processor_moments_that_vanish_are_zero(tmp_path: Path) -> None:
    train(replace(a_run(tmp_path), steps=1), 1, silent)
    assert (torch.tensor([1e-30]) * 1e-12).item() == 0.0


@pytest.mark.parametrize("kept", [0, 100, -1])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, kept: int) -> None:
    run = a_run(tmp_path)
    train(run, 1, silent)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"run\.safetensors: cannot be read"):
        train(run, 1, never)


@pytest.mark.usefixtures("_checkpoint_each_step")
def test_training_learns_a_text_that_repeats(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=60, base_rate=0.2, dropouts=NO_DROPOUT, candidates=10, optimization=NO_PENALTIES)
    rows = np.tile(np.arange(9, 19, dtype=np.uint16), (4, 31))
    losses = train(a_run(tmp_path, recipe, rows), 1, silent).losses
    assert losses[0] == pytest.approx(math.log(10), abs=0.1)
    assert losses[-1] < 1


def test_the_loss_that_is_reported_is_the_mean_of_the_last_fifty_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, steps=60)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    single = train(a_run(tmp_path / "single", recipe), 1, silent).losses
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", math.inf)
    reported: list[float] = []
    outcome = train(a_run(tmp_path / "late", recipe), 1, lambda _steps, loss: reported.append(loss))
    assert reported == pytest.approx([mean(single[max(0, end - 50) : end]) for end in range(1, 61)])
    assert list(outcome.losses) == pytest.approx([mean(single)])


@pytest.mark.parametrize("how", ["infinite weights", "huge rate"])
def test_a_run_that_diverges_says_so_and_leaves_no_checkpoint(tmp_path: Path, how: str) -> None:
    run = a_run(tmp_path, replace(RECIPE, base_rate=1e30) if how == "huge rate" else RECIPE)
    if how == "infinite weights":
        run = replace(run, start=not_finite(run.start))
    with pytest.raises(FloatingPointError, match="diverged"):
        train(run, 1, silent)
    assert not run.checkpoint.exists()


def test_a_worker_that_is_killed_while_it_waits_ends_the_run_at_once(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())

    def kill(steps: int, _loss: float) -> None:
        assert steps == 1  # there is no second step to report
        time.sleep(0.3)  # until the other one has finished its part of the second step, and waits
        (other,) = set(multiprocessing.active_children()) - before
        other.kill()
        other.join()

    with pytest.raises(threading.BrokenBarrierError):
        train(a_run(tmp_path), 2, kill)


def test_no_worker_is_left_behind_by_a_run_that_is_interrupted(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    others: set[object] = set()

    def interrupt(_steps: int, _loss: float) -> None:
        others.update(set(multiprocessing.active_children()) - before)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(a_run(tmp_path), 2, interrupt)
    (other,) = others
    other.join(60)
    assert other.exitcode == 0


def random_state(recipe: PretrainingRecipe, rows: int) -> list[LayerState]:
    generator = torch.Generator().manual_seed(4)
    units = [recipe.size.hidden] * (recipe.size.layers - 1) + [recipe.size.embedding]
    shapes = [(1, rows, width) for width in units]
    return [(torch.randn(s, generator=generator) / 3, torch.randn(s, generator=generator) / 3) for s in shapes]


def separate_model(run: Run) -> LanguageModel:
    model = LanguageModel(WORDS, run.recipe.size, run.recipe.dropouts)
    model.load_state_dict(run.start)
    return model.train()


def test_a_replicas_flat_gradient_is_autograds(tmp_path: Path) -> None:
    step, shard = 3, 1
    with precision(torch.float64):
        run = a_run(tmp_path, WITHOUT_NOISE)
        rows, state = zipf_rows(), random_state(RECIPE, RECIPE.rows)
        replica = Replica(run.recipe, run.start, rows, Hardware())
        flat = torch.full_like(replica.flat, 7.0)  # what is there before does not count
        loss, after = replica.gradient(step, shard, state, flat)
        model = separate_model(run)
        piece = torch.from_numpy(rows[2:4, 15:21].astype(np.int64))
        expected, raw, dropped, expected_after = model.loss(piece[:, :-1], piece[:, 1:], state, None)
        total = expected + penalties(raw, dropped, run.recipe.optimization)
        gradients = torch.autograd.grad(total, list(model.parameters()))
        torch.testing.assert_close(flat, torch.cat([gradient.reshape(-1) for gradient in gradients]))
        torch.testing.assert_close(loss, expected.detach())
        torch.testing.assert_close(after, expected_after)


def test_every_shard_of_every_step_has_noise_of_its_own_that_repeats(tmp_path: Path) -> None:
    rows = np.tile(np.arange(10, 10 + RECIPE.bptt, dtype=np.uint16), (4, 9))  # the same tokens everywhere
    run = a_run(tmp_path, replace(RECIPE, candidates=3), rows)
    replica = Replica(run.recipe, run.start, rows, Hardware())
    state = random_state(RECIPE, RECIPE.rows)

    def gradient(step: int, shard: int) -> Tensor:
        flat = torch.empty_like(replica.flat)
        replica.gradient(step, shard, state, flat)
        return flat

    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    first = [gradient(*place) for place in places]
    assert all(torch.equal(gradient(*place), before) for place, before in zip(places, first, strict=True))
    assert not any(torch.equal(first[i], first[j]) for i in range(4) for j in range(i))


def test_steps_are_those_of_a_plain_loop_over_all_shards_at_once(tmp_path: Path) -> None:
    with precision(torch.float64):
        recipe = replace(WITHOUT_NOISE, largest_norm=0.3)
        run = a_run(tmp_path, recipe)
        model, norms = separate_model(run), []
        state = model.encoder.initial_state(4)
        optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), eps=1e-8, weight_decay=0.01)
        ids = torch.from_numpy(zipf_rows().astype(np.int64))
        for step in range(STEPS):
            piece = ids[:, 5 * step : 5 * step + 6]
            loss, raw, dropped, state = model.loss(piece[:, :-1], piece[:, 1:], state, None)
            optimizer.zero_grad()
            torch.autograd.backward(loss + penalties(raw, dropped, recipe.optimization))
            norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.largest_norm)))
            optimizer.param_groups[0]["lr"] = recipe.base_rate * factors("stlr", step, STEPS).rate
            optimizer.step()
        assert min(norms) < recipe.largest_norm < max(norms)
        outcome = train(run, 1, silent)
        plain = torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])
        torch.testing.assert_close(outcome.weights, plain, rtol=1e-9, atol=1e-11)


LENGTHS = (7, 1, 12, 30, 4, 18, 9, 19)  # 100 tokens


def marked_documents() -> tuple[Stream, NDArray[np.int64], list[list[int]]]:
    """A stream whose tokens are all different, its offsets, and its documents."""
    stream = np.arange(100, 100 + sum(LENGTHS), dtype=np.uint16)
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)]).astype(np.int64)
    return stream, offsets, [part.tolist() for part in np.split(stream, offsets[1:-1])]


def documents_read(recipe: PretrainingRecipe) -> list[list[int]]:
    """Documents in the order they are read in, each as it is read."""
    stream, offsets, documents = marked_documents()
    read = reading_order(stream, offsets, recipe).reshape(-1).tolist()
    assert len(read) == len(stream)
    owner = {token: number for number, document in enumerate(documents) for token in document}
    found: list[list[int]] = []
    for before, token in zip([None, *read], read, strict=False):
        if before is None or owner[before] != owner[token]:
            found.append([])
        found[-1].append(token)
    return found


def test_every_document_is_read_once_and_whole() -> None:
    assert sorted(documents_read(RECIPE)) == sorted(marked_documents()[2])


def test_the_order_of_documents_is_the_seeds() -> None:
    first = documents_read(RECIPE)
    assert first not in (marked_documents()[2], documents_read(replace(RECIPE, seed=1)))
    assert first == documents_read(replace(RECIPE, name="other", base_rate=1.0))


def test_backward_documents_come_in_the_same_order_each_from_its_end() -> None:
    backward = documents_read(replace(RECIPE, direction="backward"))
    assert [document[::-1] for document in backward] == documents_read(RECIPE)


def test_rows_follow_one_another_and_what_does_not_fill_them_is_left_out() -> None:
    stream, offsets, _ = marked_documents()
    read = np.concatenate([np.array(document) for document in documents_read(RECIPE)])
    rows = reading_order(stream, offsets, replace(RECIPE, rows=3))
    assert rows.shape == (6, 16)
    assert rows.reshape(-1).tolist() == read[:96].tolist()
    assert rows.dtype == np.uint16


def test_steps_are_as_declared_or_as_the_text_has() -> None:
    stream, offsets, _ = marked_documents()
    rows = reading_order(stream, offsets, RECIPE)  # of 25 tokens, and the last one is only predicted
    assert [total_steps(rows, replace(RECIPE, bptt=bptt)) for bptt in (5, 6, 24, 1)] == [4, 4, 1, STEPS]


def test_a_text_too_short_for_one_step_is_refused() -> None:
    stream, offsets, _ = marked_documents()
    assert reading_order(stream, offsets, replace(RECIPE, bptt=24)).shape == (4, 25)
    with pytest.raises(ValueError, match="tiny-forward: 100 tokens are too few for one step of 100"):
        reading_order(stream, offsets, replace(RECIPE, bptt=25))
