"""Every item once, whatever dies on the way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import chores

from bonestudio import batch
from bonestudio.errors import RequestError, StorageError


def items(count):
    return {f"item-{i}": i for i in range(count)}


def test_each_item_is_done_once():
    outcomes = list(batch.run(chores.square, items(40), workers=2))
    assert sorted((o.key, o.value) for o in outcomes) == sorted(
        (f"item-{i}", i * i) for i in range(40)
    )


def test_a_refused_item_is_an_outcome_and_the_rest_goes_on():
    outcomes = {o.key: o for o in batch.run(chores.picky, items(7), workers=2)}
    assert [k for k, o in sorted(outcomes.items()) if o.error] == ["item-0", "item-3", "item-6"]
    assert outcomes["item-3"].error == "3 is not a picture."


def test_a_bug_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        list(batch.run(chores.buggy, items(8), workers=2))


def test_an_item_that_kills_its_worker_is_named_and_only_that():
    outcomes = {o.key: o for o in batch.run(chores.deadly, items(12), workers=2)}
    assert len(outcomes) == 12
    assert [k for k, o in outcomes.items() if o.error] == ["item-5"]


def test_a_worker_that_dies_once_loses_nothing(tmp_path):
    todo = {str(i): (str(tmp_path / "died"), i) for i in range(8)}
    outcomes = list(batch.run(chores.dies_once, todo, workers=2))
    assert sorted(o.value for o in outcomes) == list(range(8))
    assert (tmp_path / "died").exists()


def test_a_restart_skips_what_is_done(tmp_path):
    ledger = tmp_path / "done.jsonl"
    running = batch.run(chores.square, items(20), workers=2, ledger=ledger)
    for _ in range(7):
        next(running)
    running.close()
    before = ledger.read_text().splitlines()
    with ledger.open("a") as file:
        file.write('{"key": "item-1')  # a crash in the middle of a line
    outcomes = list(batch.run(chores.square, items(20), workers=2, ledger=ledger))
    assert sorted(o.key for o in outcomes) == sorted(items(20))
    lines = ledger.read_text().splitlines()
    assert lines[: len(before)] == before
    assert sorted(json.loads(line)["key"] for line in lines) == sorted(items(20))


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "done.jsonl").write_text("a,b\n")
    with pytest.raises(StorageError, match="not a ledger"):
        list(batch.run(chores.square, items(2), ledger=tmp_path / "done.jsonl"))


def test_no_cluster_is_one_sentence():
    with pytest.raises(RequestError, match="No Ray cluster answers"):
        list(batch.run(chores.square, items(2), on="127.0.0.1:1"))


def test_a_node_of_a_cluster_dies_and_every_item_comes_once():
    # In a process of its own: Ray installs signal handlers and background threads.
    script = Path(__file__).parents[2] / "benchmarks" / "batch_cluster.py"
    done = subprocess.run(
        [sys.executable, str(script), "--n", "200", "--seconds", "0.01"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert "results 200  doubled 0  errors 0" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
