"""The commands about the machine and the shipped models: how fast training is here, and pre-training."""

from __future__ import annotations

from pathlib import Path
from threading import BrokenBarrierError
from typing import Annotated

import typer
from rich.console import Console

from harness import evidence, options
from harness.campaign import MODELS, Measurement, Selection, data_sources, measure, workplace
from harness.environment import check_device
from harness.options import chosen_hardware
from harness.plan import choose
from harness.specification import Hardware

app = typer.Typer()


@app.command()
def bench(
    context: typer.Context,
    recipe: Annotated[str, typer.Option(help="Recipe whose sizes and batches are measured.")] = "compact",
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each side, taken in turn.")] = 5,
    batches: Annotated[int, typer.Option(min=2, help="Training steps in one measurement.")] = 24,
    device: options.Device = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads of the one process that runs both.")] = 1,
) -> None:
    """Measure both implementations on the same batches, side by side, and the distance from the machine's limit.

    In float32, in the best precision of the hardware, and the best of torch against fastai in float32.
    """
    check_device(device)
    import torch  # noqa: PLC0415

    from harness.benchmark import run_benchmark  # noqa: PLC0415  (imports torch and fastai)
    from harness.limits import show_limits  # noqa: PLC0415

    recipes = {sweep.recipe.name: sweep.recipe for profile in context.obj.profiles.values() for sweep in profile.sweeps}
    chosen = recipes[choose("recipe", recipe, recipes)]
    torch.set_num_threads(threads)
    plain, best = Hardware(device), chosen_hardware(device, "best")
    for ours, theirs in dict.fromkeys([(plain, plain), (best, best), (best, plain)]):
        run_benchmark(chosen, rounds, batches, {"torch": ours, "fastai": theirs}, Console())
    for hardware in dict.fromkeys([plain, best]):
        show_limits(chosen, rounds, hardware, Console())


@app.command()
def overhead(
    context: typer.Context,
    profile: options.ProfileName = "quick",
    workers: Annotated[
        list[int] | None, typer.Option(min=1, help="Numbers of workers to compare; default: 1 and 2.")
    ] = None,
    results: options.Results = options.RESULTS,
    data: options.Data = None,
) -> None:
    """Measure what a run costs besides training, what a second worker gains, and how long a finished run takes."""
    from harness.overhead import show_overhead  # noqa: PLC0415  (imports torch)

    def run(store: Path, number: int) -> Measurement:
        return measure(context.obj, Selection(profile), workplace(store, data, Hardware()), number, committed)

    committed = evidence.committed(results)
    try:
        show_overhead(run, Hardware(), workers or (1, 2), Console())
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: nothing is kept of a run that was to be timed")
        raise typer.Exit(130) from None
    except RuntimeError as error:
        Console(stderr=True).print(f"error: {error}", style="bold red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


@app.command()
def pretrain(  # noqa: PLR0913
    context: typer.Context,
    models: Annotated[list[str] | None, typer.Argument(help="Declared models; default: all.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes, one thread each.")] = options.DEFAULT_WORKERS,
    device: options.Device = "cpu",
    checkpoints: Annotated[
        Path | None, typer.Option(help="Where a run goes on from; default: the user's cache.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Where finished models go.")] = MODELS,
    precision: options.PrecisionChoice = "best",
    data: options.Data = None,
) -> None:
    """Pre-train the general language models on Wikipedia; run it again to go on after an interruption."""
    check_device(device)
    from harness.general.pretraining import Places  # noqa: PLC0415  (imports torch)
    from harness.general.pretraining import pretrain as train  # noqa: PLC0415
    from harness.weights import WeightsError  # noqa: PLC0415

    declared = context.obj.pretraining
    sources = data_sources(data)
    places = Places(sources, checkpoints or sources.cache / "checkpoints", output, MODELS)
    for name in [choose("model", model, declared) for model in models or declared]:
        try:
            line = train(declared[name], places, chosen_hardware(device, precision), workers)
        except KeyboardInterrupt:
            Console(stderr=True).print("interrupted: run the same command again to go on from the last checkpoint")
            raise typer.Exit(130) from None
        except (WeightsError, FloatingPointError, BrokenBarrierError) as error:
            Console(stderr=True).print(f"error: {error}", style="bold red", markup=False, soft_wrap=True)
            raise typer.Exit(1) from None
        Console().print(line, soft_wrap=True, highlight=False)
