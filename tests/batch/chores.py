"""Work for the batch tests; workers import it by name."""

import os
import signal
import time
from pathlib import Path

from bonestudio.errors import ImageError


def square(number):
    return number * number


def picky(number):
    if number % 3 == 0:
        raise ImageError(f"{number} is not a picture.")
    return number


def deadly(number):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies_once(item):
    marker, number = item
    if number == 2 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def slow(number):
    time.sleep(0.05)
    return number


def buggy(number):
    return 1 / (number - 4)
