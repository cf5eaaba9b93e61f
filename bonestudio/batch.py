"""Work over many images: a process pool here, or a Ray cluster that is already running.

One seam for phantoms by the hundred thousand, a segmentation over an archive, a sweep. Every item
is done once: a worker or a node that dies has its items done again elsewhere, and with a ledger a
restart skips what is done.

>>> for outcome in run(measure, {"scan-1": path1, "scan-2": path2}, ledger=folder / "done.jsonl"):
...     print(outcome.key, outcome.value or outcome.error)
"""

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bonestudio.errors import BoneStudioError, RequestError, StorageError

ATTEMPTS = 3  # an item that kills its worker this often is given up and named


@dataclass(frozen=True)
class Outcome:
    """What came of one item: a value (anything that JSON holds), or the sentence that says why not."""

    key: str
    value: Any = None
    error: str | None = None


def run(
    work: Callable[[Any], Any],
    items: Mapping[str, Any],
    *,
    ledger: Path | None = None,
    workers: int | None = None,
    on: str | None = None,
) -> Iterator[Outcome]:
    """Do ``work(item)`` for every item and yield the outcomes as they come, each once.

    Parameters
    ----------
    work
        A function of a module (workers import it). A BoneStudioError is that item's outcome;
        any other exception is a bug and ends the run, with what is done kept.
    items
        Key → argument. Keys name items in the ledger, so they hold no patient data.
    ledger
        A JSONL file of outcomes. What it holds is yielded first and not done again.
    workers
        Processes; as many as this computer has cores by default.
    on
        Address of a Ray cluster ('ray://host:10001', 'auto'); needs ``bonestudio[ray]``.
    """
    done = _read_ledger(ledger)
    yield from (outcome for key, outcome in done.items() if key in items)
    todo = {key: item for key, item in items.items() if key not in done}
    if not todo:
        return
    outcomes = _on_ray(work, todo, on) if on else _on_processes(work, todo, workers)
    if ledger is None:
        yield from outcomes
        return
    try:
        ledger.parent.mkdir(parents=True, exist_ok=True)
        with ledger.open("a", encoding="utf-8") as file:
            for outcome in outcomes:
                file.write(json.dumps(asdict(outcome)) + "\n")
                file.flush()  # on disk before the caller sees it
                yield outcome
    except OSError as error:
        raise StorageError(
            f"The ledger {ledger.name} cannot be written: {error.strerror}; what is done is kept."
        ) from error


def _read_ledger(ledger: Path | None) -> dict[str, Outcome]:
    """Read outcomes; a last line cut short by a crash is dropped, and its item done again."""
    done: dict[str, Outcome] = {}
    if ledger is None or not ledger.exists():
        return done
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    for line in whole:
        try:
            outcome = Outcome(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise StorageError(f"{ledger.name} is not a ledger of a batch.") from error
        done[outcome.key] = outcome
    if len(whole) < len(lines):
        ledger.write_text("".join(whole), encoding="utf-8")
    return done


def _attempt(work: Callable[[Any], Any], key: str, item: Any) -> Outcome:
    try:
        return Outcome(key, value=work(item))
    except BoneStudioError as error:
        return Outcome(key, error=str(error))


def _on_processes(
    work: Callable[[Any], Any], items: dict[str, Any], workers: int | None
) -> Iterator[Outcome]:
    count = workers or os.cpu_count() or 1
    if count < 1:
        raise RequestError(f"A batch needs at least one worker, not {workers}.")
    left = dict(items)
    deaths = dict.fromkeys(left, 0)
    while left:
        # After a death the suspects run one at a time, so that only the culprit is blamed.
        suspects = {key: item for key, item in left.items() if deaths[key]}
        round_items, width = (suspects, 1) if suspects else (left, count)
        for outcome in _one_pool(work, dict(round_items), width, deaths):
            del left[outcome.key]
            yield outcome


def _one_pool(
    work: Callable[[Any], Any], items: dict[str, Any], width: int, deaths: dict[str, int]
) -> Iterator[Outcome]:
    """Work until all is done or a worker dies; what was in its hands is counted in ``deaths``."""
    queue = iter(items.items())
    flying: dict[Future[Outcome], str] = {}
    pool = ProcessPoolExecutor(width, mp_context=get_context("spawn"))
    try:
        while True:
            for key, item in islice(
                queue, 2 * width - len(flying) if width > 1 else 1 - len(flying)
            ):
                flying[pool.submit(_attempt, work, key, item)] = key
            if not flying:
                return
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                del flying[future]
                yield outcome
    except BrokenProcessPool:
        for key in flying.values():
            deaths[key] += 1
            if deaths[key] >= ATTEMPTS:
                yield Outcome(key, error=f"The worker died {ATTEMPTS} times on this item.")
    finally:
        pool.shutdown(cancel_futures=True)


def _on_ray(work: Callable[[Any], Any], items: dict[str, Any], address: str) -> Iterator[Outcome]:
    try:
        import ray
    except ImportError as error:
        raise RequestError("Batches on Ray need 'pip install bonestudio[ray]'.") from error
    if not ray.is_initialized():
        _knock(address)
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing phones home
        try:
            ray.init(address=address, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise RequestError(f"No Ray cluster answers at {address}.") from error
    # Ray itself repeats a task whose worker or node died.
    attempt = ray.remote(max_retries=ATTEMPTS)(_attempt)
    width = 4 * max(1, int(ray.cluster_resources().get("CPU", 1)))
    queue = iter(items.items())
    flying: dict[Any, str] = {}
    while True:
        for key, item in islice(queue, width - len(flying)):
            flying[attempt.remote(work, key, item)] = key
        if not flying:
            return
        ready, _ = ray.wait(list(flying), num_returns=1)
        for reference in ready:
            key = flying.pop(reference)
            try:
                yield ray.get(reference)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
                yield Outcome(key, error=f"The worker died {ATTEMPTS} times on this item.")


def _knock(address: str) -> None:
    """Say at once that nobody is there; Ray itself would try for minutes and end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # 'auto' and 'local' fail by themselves
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise RequestError(f"No Ray cluster answers at {address}.") from error
