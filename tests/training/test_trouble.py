"""What goes wrong ends in one sentence, and the last good state stays whole."""

import errno
import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset
from training_toy import run_toy, toy_recipe

from bonestudio.errors import BoneStudioError, ImageError, RecipeError, StorageError, TrainingError
from bonestudio.training import state as state_module
from bonestudio.training import train
from bonestudio.training.feeding import Feed
from bonestudio.training.loop import Loop
from bonestudio.training.order import Order, Tickets
from bonestudio.training.recipes import Stage
from bonestudio.training.schedules import Plan
from bonestudio.training.state import read_state, states
from bonestudio.training.trouble import sentences


@pytest.fixture(autouse=True)
def _same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def one_sentence(error: Exception, *, most: int = 3) -> bool:
    said = str(error)
    return said.endswith((".", "?")) and "\n" not in said and said.count(". ") < most


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        ("nan", r"The loss 'critic' became nan by step 8: training has diverged"),
        ("weights", r"(The loss|A weight).*training has diverged"),
        ("memory", r"not enough memory for a batch of 8 images.*training.batch=4"),
    ],
)
def test_what_stops_a_step_leaves_the_last_good_state(tmp_path, fail, said):
    with pytest.raises(TrainingError, match=said) as told:
        run_toy(str(tmp_path), toy_recipe(options__fail=fail))
    assert "The last good state is step 6" in str(told.value)
    assert one_sentence(told.value, most=4)
    assert read_state(tmp_path)["step"] == 6
    assert [p.suffix for p in states(tmp_path)] == [".safetensors"] * 2
    run_toy(str(tmp_path), toy_recipe(), resume=True)
    assert read_state(tmp_path)["step"] == 60


def test_a_full_disk(tmp_path, monkeypatch):
    run_toy(str(tmp_path))
    kept = {p: p.read_bytes() for p in states(tmp_path)}

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state_module.os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full; free some space") as told:
        state_module.write_state(tmp_path, 61, {"step": 61})
    assert one_sentence(told.value)
    assert {p: p.read_bytes() for p in tmp_path.glob("state*")} == kept


def _cramped(folder: str, told: str) -> None:
    """Train until a file may not grow any further: the disk refuses in the middle of a write."""
    run_toy(folder, toy_recipe(training__stages=[{"samples": 80, "batch": 8}]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        run_toy(folder, resume=True)
    except StorageError as error:
        Path(told).write_text(str(error))


def test_a_disk_that_refuses_in_the_middle_of_a_write(tmp_path):
    folder, told = tmp_path / "run", tmp_path / "told"
    child = multiprocessing.get_context("forkserver").Process(
        target=_cramped, args=(str(folder), str(told))
    )
    child.start()
    child.join()
    assert "cannot be written" in told.read_text()
    assert "larger than this system allows" in told.read_text()
    assert read_state(folder)["step"] == 10
    assert not list(folder.glob("*.partial"))


def _asked(folder: str) -> None:
    recipe = toy_recipe(training__stages=[{"samples": 8_000_000, "batch": 8}])
    outcome = run_toy(folder, recipe)
    os._exit(7 if not outcome.finished else 0)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_the_step_in_hand(tmp_path, sign):
    child = multiprocessing.get_context("forkserver").Process(target=_asked, args=(str(tmp_path),))
    child.start()
    while len(states(tmp_path)) < 2:
        assert child.is_alive() or states(tmp_path)
        child.join(0.002)
    os.kill(child.pid, sign)
    child.join(30)
    assert child.exitcode == 7
    read_state(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_every_kind_of_out_of_memory_is_one_sentence(tmp_path, error):
    with (
        pytest.raises(TrainingError, match="not enough memory for a batch of 100 images"),
        sentences(tmp_path, batch=lambda: 100),
    ):
        raise error


class Broken(Dataset):
    """A data set whose films cannot be read, or whose reader is killed."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __len__(self):
        return 10

    def __getitem__(self, row):
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ImageError("The film '7' is damaged; copy it again.")


@pytest.mark.parametrize(
    ("how", "workers", "said"),
    [
        ("damaged", 0, "^The film '7' is damaged; copy it again.$"),
        ("damaged", 1, "^The film '7' is damaged; copy it again.$"),
        ("killed", 1, "^A process that loads images was killed.*training.workers=0.$"),
    ],
)
def test_what_goes_wrong_in_a_loader_process(tmp_path, how, workers, said):
    feed = Feed(
        {"films": Broken(how)},
        Tickets({"films": Order(10, seed=0, domain="films")}, Plan([Stage(samples=8, batch=4)]), 0),
        seed=0,
        device=torch.device("cpu"),
        workers=workers,
        channels_last=False,
    )
    with pytest.raises(TrainingError, match=said), sentences(tmp_path, batch=lambda: 4):
        feed.next()


def test_other_errors_are_not_called_memory(tmp_path):
    with pytest.raises(RuntimeError, match="shapes"), sentences(tmp_path, batch=lambda: 1):
        raise RuntimeError("shapes do not fit")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "needs images; say where they are with --data"),
        ("nowhere/at/all", "There is no folder nowhere/at/all"),
        ("EMPTY", "has no images"),
        ("BROKEN", "The film 'hand' cannot be used: The PNG file is damaged"),
    ],
)
def test_data_that_is_not_there(tmp_path, monkeypatch, data, said):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    given = tmp_path / "given"
    given.mkdir()
    if data == "BROKEN":
        (given / "hand.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(BoneStudioError, match=said) as told:
        train(
            "fracture/dcgan-hands-paper",
            data=str(given) if data in {"EMPTY", "BROKEN"} else data,
            out=tmp_path / "runs",
        )
    assert one_sentence(told.value)
    assert not (tmp_path / "runs").exists()


def test_a_critic_with_a_penalty_is_never_compiled(tmp_path):
    from training_toy import Toy

    recipe = toy_recipe(training__compile=["critic"])
    with pytest.raises(RecipeError, match="'critic' cannot be compiled"):
        Loop(recipe, Toy(recipe.options, recipe.data), tmp_path)
    recipe = toy_recipe(training__compile=["critics"])
    with pytest.raises(RecipeError, match="no network 'critics' to compile"):
        Loop(recipe, Toy(recipe.options, recipe.data), tmp_path)


def test_a_batch_that_processes_cannot_share():
    from bonestudio.training.schedules import plan_of

    with pytest.raises(RecipeError, match="batch of 8 cannot be shared by 3 processes"):
        plan_of(toy_recipe().training, images=10, processes=3)


def test_runs_where_nothing_can_be_written(tmp_path):
    from bonestudio.training.runs import new_run

    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="No run folder can be made"):
        new_run(toy_recipe(), tmp_path / "file")


def test_without_fabric_it_says_what_to_install(monkeypatch, tmp_path):
    from training_toy import Toy

    for package in ("lightning_fabric", "lightning.fabric"):
        monkeypatch.setitem(sys.modules, package, None)
    recipe = toy_recipe()
    with pytest.raises(TrainingError, match=r"needs Lightning Fabric: pip install"):
        Loop(recipe, Toy(recipe.options, recipe.data), tmp_path)
