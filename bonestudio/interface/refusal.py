"""Turn errors into one sentence in the status line, so that the session goes on."""

import functools
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from bonestudio.errors import BoneStudioError
from bonestudio.interface.frame import refused
from bonestudio.interface.guard import disk_sentence

_LOG = logging.getLogger("bonestudio")
_UNFORESEEN = "Something inside the studio failed; what was open is still there. The log on the server says more."


def spoken(
    status: gr.HTML, action: Callable[..., dict[Any, Any]], *emptied: Any
) -> Callable[..., dict[Any, Any]]:
    """Wrap an event whose answer is {component: value}: an error changes the status line alone.

    Parameters
    ----------
    emptied
        Components to empty after an error (the box of a file that could not be read).
    """
    cleared = dict.fromkeys(emptied)

    @functools.wraps(action)
    def safe(*values: Any, **named: Any) -> dict[Any, Any]:
        try:
            # Gradio takes an empty dictionary for one value too few.
            return action(*values, **named) or {status: gr.skip()}
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on
            return {**cleared, status: _sentence(error)}

    return safe


def spoken_steps(
    status: gr.HTML,
    action: Callable[..., Iterator[dict[Any, Any]]],
    at_rest: Callable[[], dict[Any, Any]],
) -> Callable[..., Iterator[dict[Any, Any]]]:
    """Wrap a long job that answers step by step: after an error its controls are as ``at_rest`` says."""

    @functools.wraps(action)
    def safe(*values: Any, **named: Any) -> Iterator[dict[Any, Any]]:
        try:
            with closing(action(*values, **named)) as steps:  # type: ignore[type-var]
                for answer in steps:
                    yield answer or {status: gr.skip()}
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on
            yield {**at_rest(), status: _sentence(error)}

    return safe


def _sentence(error: Exception) -> str:
    if isinstance(error, BoneStudioError):
        return refused(str(error))
    if full := disk_sentence(error):
        return refused(full)
    # Without its message, which may hold the name of a patient's file.
    trace = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("an event failed with %s\n%s", type(error).__name__, trace)
    return refused(_UNFORESEEN)
