"""Data-parallel pre-training: every process has a replica, shares gradients, and takes the same optimizer step.

Gradients and LSTM states lie in shared memory in two slots that take turns, so one meeting a step suffices:
nobody writes a slot again before everybody has come to the next meeting, after reading it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor
from torch import multiprocessing as torch_multiprocessing

from harness.general.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from harness.general.recipe import PretrainingRecipe
from harness.general.replica import Replica
from harness.memory import keep_freed_memory
from harness.precision import deterministic_kernels, flush_denormals, prepare
from harness.schedules import factors
from harness.scratch.awd_lstm import LayerState
from harness.specification import Hardware, ModelSize
from harness.weights import Weights

CHECKPOINT_SECONDS = 120.0
STEP_TIMEOUT_SECONDS = 600.0


class Meeting(Protocol):
    """Where all processes wait for one another after their gradients."""

    def wait(self) -> None:
        """Return when all have come."""


class _Leaders:
    """The leader's end of a pipe to each follower. A process that dies, however it dies, closes its pipe."""

    def __init__(self, followers: Sequence[Connection]) -> None:
        self._followers = followers

    def wait(self) -> None:
        """Hear from every follower, then let all go on.

        Raises:
            threading.BrokenBarrierError: when a follower is gone, or silent for ten minutes.
        """
        try:
            for follower in self._followers:
                if not follower.poll(STEP_TIMEOUT_SECONDS):
                    raise threading.BrokenBarrierError("a worker does not answer")
                follower.recv_bytes()
            for follower in self._followers:
                follower.send_bytes(b"on")
        except (EOFError, OSError) as error:
            raise threading.BrokenBarrierError("a worker died") from error


class _Followers:
    """A follower's end."""

    def __init__(self, leader: Connection) -> None:
        self._leader = leader

    def wait(self) -> None:
        """Tell the leader, and wait to be let on; the process ends where the leader is gone."""
        try:
            self._leader.send_bytes(b"here")
            self._leader.recv_bytes()
        except (EOFError, OSError):
            raise SystemExit(0) from None


@dataclass(frozen=True)
class Board:
    """What the processes share: for each of two slots and each shard, its gradient, its LSTM state, its loss."""

    gradients: Tensor  # (2, shards, weights)
    states: Tensor  # (2, shards, state)
    losses: Tensor  # (2, shards)


@dataclass(frozen=True)
class Run:
    """A pre-training run as each process gets it."""

    recipe: PretrainingRecipe
    start: Weights
    rows: Tensor  # token ids, (shards · rows, tokens per row), 16 bits
    steps: int
    hardware: Hardware
    checkpoint: Path
    key: str


Report = Callable[[int, float], None]  # steps done, mean cross-entropy of late


def train(run: Run, workers: int, report: Report) -> Checkpoint:
    """Train from the last checkpoint, or from the start, to the last step; returns where it ended.

    There are no more workers than shards, and one on a GPU: processes that share its memory would have to wait for each
    other's kernels.

    Raises:
        WeightsError: when the checkpoint is damaged or of another run.
        threading.BrokenBarrierError: when another worker process died.
        FloatingPointError: when the loss is not finite.
    """
    workers = min(workers, run.recipe.shards) if run.hardware.device == "cpu" else 1
    board = _board(run, read_checkpoint(run.checkpoint, run.key))
    context = torch_multiprocessing.get_context("spawn")
    pipes = []
    try:
        for rank in range(1, workers):
            ours, theirs = context.Pipe()
            pipes.append(ours)
            context.Process(target=_follow, args=(run, board, theirs, rank, workers), daemon=True).start()
            theirs.close()  # the follower's copy is the only one now, so its end is the pipe's end
        return _Worker(run, board, _Leaders(pipes), range(0, run.recipe.shards, workers)).lead(report)
    finally:
        for pipe in pipes:
            pipe.close()


def _follow(run: Run, board: Board, leader: Connection, rank: int, workers: int) -> None:
    for _ in _Worker(run, board, _Followers(leader), range(rank, run.recipe.shards, workers)).steps():
        pass


def _board(run: Run, checkpoint: Checkpoint | None) -> Board:
    recipe = run.recipe
    weights = sum(tensor.numel() for tensor in run.start.values())
    units = _units(recipe.size)
    shapes = ((weights,), (2 * recipe.rows * sum(units),), ())
    tensors = [torch.zeros((2, recipe.shards, *shape), device=run.hardware.device) for shape in shapes]
    if checkpoint is not None:
        tensors[1][(checkpoint.steps - 1) % 2] = checkpoint.states.to(run.hardware.device)
    return Board(*map(shared, tensors))


def _units(size: ModelSize) -> list[int]:
    """Width of each LSTM layer."""
    return [size.hidden] * (size.layers - 1) + [size.embedding]


def shared(tensor: Tensor) -> Tensor:
    """The tensor, moved to memory that other processes see."""
    return cast(Tensor, tensor.share_memory_())  # type: ignore[no-untyped-call]


class _Worker:
    """One process: computes its shards' gradients and applies everybody's."""

    def __init__(self, run: Run, board: Board, meeting: Meeting, shards: Sequence[int]) -> None:
        if run.hardware.device == "cpu":
            torch.set_num_threads(1)
            keep_freed_memory()
        else:  # on processors the kernels used here add in a fixed order anyway
            deterministic_kernels()
            prepare(run.hardware)
        flush_denormals()
        self.run, self.board, self.meeting, self.shards = run, board, meeting, shards
        self.replica = Replica(run.recipe, run.start, run.rows.numpy(), run.hardware)
        self.checkpoint = read_checkpoint(run.checkpoint, run.key)
        self.done = 0 if self.checkpoint is None else self.checkpoint.steps
        self.flat = torch.nn.Parameter(self.replica.flat)
        optimization = run.recipe.optimization
        self.optimizer = torch.optim.AdamW(
            [self.flat],
            lr=run.recipe.base_rate,
            betas=(optimization.beta1, optimization.beta2),
            eps=optimization.epsilon,
            weight_decay=optimization.weight_decay,
            fused=True,
        )
        if self.checkpoint is not None:
            self._restore(self.checkpoint)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.flat.data.copy_(checkpoint.weights)
        self.optimizer.state[self.flat] = {
            "step": torch.tensor(float(checkpoint.steps), device=self.flat.device),
            "exp_avg": checkpoint.first_moment.to(self.flat.device),
            "exp_avg_sq": checkpoint.second_moment.to(self.flat.device),
        }

    def steps(self) -> Iterator[int]:
        """Take the remaining steps; yields the slot that each step used."""
        for step in range(self.done, self.run.steps):
            slot = step % 2
            for shard in self.shards:
                before = self._unpack(self.board.states[1 - slot, shard])
                loss, after = self.replica.gradient(step, shard, before, self.board.gradients[slot, shard])
                self.board.losses[slot, shard] = loss
                reached = torch.cat([part.reshape(-1) for pair in after for part in pair])
                self.board.states[slot, shard].copy_(reached)
            self.meeting.wait()
            self._apply(step, slot)
            self.done = step + 1
            yield slot

    def _unpack(self, state: Tensor) -> list[LayerState]:
        rows, units = self.run.recipe.rows, _units(self.run.recipe.size)
        pieces = torch.split(state, [rows * width for width in units for _ in range(2)])
        views = [piece.view(1, rows, -1) for piece in pieces]
        return list(zip(views[::2], views[1::2], strict=True))

    def _apply(self, step: int, slot: int) -> None:
        gradient = self.board.gradients[slot].mean(dim=0)
        norm = torch.linalg.vector_norm(gradient)
        gradient *= (self.run.recipe.largest_norm / (norm + 1e-6)).clamp(max=1.0)
        self.flat.grad = gradient
        for group in self.optimizer.param_groups:
            group["lr"] = self.run.recipe.base_rate * factors("stlr", step, self.run.steps).rate
        self.optimizer.step()

    def lead(self, report: Report) -> Checkpoint:
        """Take the remaining steps, report, and write checkpoints every two minutes and at the end."""
        earlier = self.checkpoint.seconds if self.checkpoint else 0.0
        losses = list(self.checkpoint.losses) if self.checkpoint else []
        checkpoint, stretch = self.checkpoint, []
        started = saved = time.perf_counter()
        for slot in self.steps():
            stretch.append(float(self.board.losses[slot].mean()))
            report(self.done, sum(stretch[-50:]) / len(stretch[-50:]))
            now = time.perf_counter()
            if self.done == self.run.steps or now - saved > CHECKPOINT_SECONDS:
                losses.append(sum(stretch) / len(stretch))
                checkpoint = self._checkpoint(slot, earlier + now - started, losses)
                saved, stretch = now, []
        if checkpoint is None:
            raise ValueError("nothing to train: no step is declared")
        return checkpoint

    def _checkpoint(self, slot: int, seconds: float, losses: Sequence[float]) -> Checkpoint:
        if not torch.isfinite(torch.tensor(losses)).all():
            raise FloatingPointError(f"pre-training diverged: losses {losses[-3:]}; lower the base rate")
        moments = self.optimizer.state[self.flat]
        checkpoint = Checkpoint(
            steps=self.done,
            seconds=seconds,
            losses=tuple(losses),
            weights=self.flat.detach(),
            first_moment=moments["exp_avg"],
            second_moment=moments["exp_avg_sq"],
            states=self.board.states[slot],
        )
        write_checkpoint(self.run.checkpoint, self.run.key, checkpoint)
        return checkpoint
