"""Guessing a password is slow, and nobody waits for another's guesses."""

from hypothesis import given
from hypothesis import strategies as st

from bonestudio.interface.accounts import FREE, WAIT, Accounts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def accounts() -> tuple[Accounts, Clock]:
    clock = Clock()
    return Accounts({"ada": "radius", "jo": "ulna"}, clock=clock), clock


def test_a_name_and_its_password_belong_together() -> None:
    check, _ = accounts()
    assert check("ada", "radius")
    for name, password in (("ada", "ulna"), ("ada", ""), ("eve", ""), ("eve", "radius")):
        assert not check(name, password)


def test_too_many_wrong_tries_make_a_name_wait_and_no_other() -> None:
    check, clock = accounts()
    for _ in range(FREE):
        assert not check("ada", "guess")
    assert not check("ada", "radius")  # right, but too soon
    assert check("jo", "ulna")
    clock.now += WAIT
    assert not check("ada", "guess")  # one more, and it waits again
    clock.now += WAIT / 2
    assert not check("ada", "radius")
    clock.now += WAIT / 2
    assert check("ada", "radius")
    assert not check("ada", "guess")  # counted from the beginning
    assert check("ada", "radius")


@given(st.lists(st.floats(0.01, 60), min_size=1, max_size=60))
def test_no_way_of_spacing_tries_gives_more_than_the_rule(pauses: list[float]) -> None:
    check, clock = accounts()
    heard = 0
    began = clock.now
    for pause in pauses:
        waits = dict(check._wrong)
        check("ada", "guess")
        heard += check._wrong != waits
        clock.now += pause
    assert heard <= FREE + (clock.now - began) / WAIT
