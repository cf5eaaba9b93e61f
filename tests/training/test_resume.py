"""A run that is killed at any moment goes on as if nothing had been."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from training_toy import run_toy, toy_recipe

from bonestudio.errors import RecipeError, TrainingError
from bonestudio.training.logbook import read_lines
from bonestudio.training.runs import check_same
from bonestudio.training.state import read_state, states, write_state

TIMES = {"seconds", "images_per_second", "data_wait"}
KILLS = 10


def losses(folder: Path) -> list[dict[str, float]]:
    lines = read_lines(folder / "metrics.jsonl")
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 – not a mapping


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unkilled")
    threads = torch.get_num_threads()
    outcome = run_toy(str(folder))
    torch.set_num_threads(threads)
    assert outcome.finished
    return folder


def test_killed_ten_times_at_random_steps_and_resumed(unkilled, tmp_path):
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["bonestudio.training.loop"])
    chance = random.Random(11)
    kills: list[int] = []
    resume = False
    while True:
        child = server.Process(target=run_toy, args=(str(tmp_path),), kwargs={"resume": resume})
        child.start()
        before = len(states(tmp_path)) and int(states(tmp_path)[-1].stem[6:])
        if len(kills) < KILLS:
            # Let it get at least one state further, then a random moment more: in a step, in a
            # log line, or in the middle of writing a state.
            while child.is_alive():
                if states(tmp_path) and int(states(tmp_path)[-1].stem[6:]) > before:
                    break
                time.sleep(0.001)
            time.sleep(chance.uniform(0.0, 0.03))
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL, "the child failed by itself"
        kills.append(int(states(tmp_path)[-1].stem[6:]))
        resume = True
    print("killed after the states", kills)
    assert len(kills) == KILLS, f"the run ended after {kills}"
    assert losses(tmp_path) == losses(unkilled)
    ended, whole = tensors(states(tmp_path)[-1]), tensors(states(unkilled)[-1])
    assert ended.keys() == whole.keys()
    assert all(torch.equal(ended[key], whole[key]) for key in whole)


def test_metrics_cover_both_stages_and_every_interval(unkilled):
    lines = losses(unkilled)
    assert [line["step"] for line in lines] == list(range(4, 61, 4))
    assert {line["stage"] for line in lines} == {0, 1}
    assert 0 < lines[7]["fade"] < 1 == lines[-1]["fade"]
    assert lines[-1]["seen"] == pytest.approx(58.5)  # the mean of 57 … 60, from memory()


def test_two_states_are_kept_and_a_damaged_newest_one_gives_way(unkilled):
    kept = states(unkilled)
    assert [p.stem for p in kept] == ["state-000000057", "state-000000060"]
    whole = kept[1].read_bytes()
    kept[1].write_bytes(whole[: len(whole) // 2])
    try:
        assert read_state(unkilled)["step"] == 57
    finally:
        kept[1].write_bytes(whole)
    assert read_state(unkilled)["step"] == 60


def test_a_state_holds_what_an_optimiser_has(tmp_path):
    state = {
        "betas": (0.5, 0.999),
        "numbered": {0: {"step": torch.tensor(3.0)}, 7: None},
        "list": [1, "two", [True]],
        "nan": float("inf"),
        "wide": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }
    write_state(tmp_path, 1, state)
    back = read_state(tmp_path)
    assert back["betas"] == (0.5, 0.999)
    assert back["numbered"][0]["step"] == 3
    assert back["numbered"][7] is None
    assert back["list"] == [1, "two", [True]]
    assert back["nan"] == float("inf")
    assert torch.equal(back["wide"], state["wide"])


def test_a_state_that_holds_an_object_is_refused(tmp_path):
    with pytest.raises(TypeError, match="Path at /where"):
        write_state(tmp_path, 1, {"where": tmp_path})
    assert not list(tmp_path.iterdir())


def test_nothing_to_resume(tmp_path):
    with pytest.raises(TrainingError, match="it has no state yet"):
        run_toy(str(tmp_path), resume=True)


def test_a_resumed_run_keeps_its_recipe(tmp_path):
    old = toy_recipe()
    check_same(old, toy_recipe(run__log_every=9), tmp_path)
    with pytest.raises(RecipeError, match=r"started with options.rate = 0.001 .* 0.5"):
        check_same(old, toy_recipe(options__rate=0.5), tmp_path)


def test_lines_after_the_resumed_step_are_cut(tmp_path):
    recipe = toy_recipe()
    run_toy(str(tmp_path), recipe)
    log = tmp_path / "metrics.jsonl"
    whole = losses(tmp_path)
    states(tmp_path)[-1].unlink()  # as if killed before the last state: step 57 is the newest
    with log.open("a") as file:
        file.write(json.dumps({"step": 60, "critic": 9.0}) + '\n{"step": 6')
    run_toy(str(tmp_path), recipe, resume=True)
    assert losses(tmp_path) == whole
