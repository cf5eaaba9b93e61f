"""Turn errors into one sentence in the status line, so that the session goes on."""

import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any

import gradio as gr

from bonestudio.errors import BoneStudioError
from bonestudio.interface.frame import refused

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
            return action(*values, **named)
        except BoneStudioError as error:
            return {**cleared, status: refused(str(error))}
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on
            # Without its message, which may hold the name of a patient's file.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("an event failed with %s\n%s", type(error).__name__, trace)
            return {**cleared, status: refused(_UNFORESEEN)}

    return safe
