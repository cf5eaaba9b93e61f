"""Turn errors into one sentence in the status line, so that the session goes on."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from bonestudio.errors import BoneStudioError
from bonestudio.interface.frame import refused

_UNFORESEEN = "Something inside the studio failed; what was open is still there. The log on the server says more."


def spoken(status: gr.HTML, action: Callable[..., dict[Any, Any]]) -> Callable[..., dict[Any, Any]]:
    """Wrap an event whose answer is {component: value}: an error changes the status line alone."""

    @functools.wraps(action)
    def safe(*values: Any, **named: Any) -> dict[Any, Any]:
        try:
            return action(*values, **named)
        except BoneStudioError as error:
            return {status: refused(str(error))}
        except Exception:
            logging.getLogger("bonestudio").exception("an event of the app failed")
            return {status: refused(_UNFORESEEN)}

    return safe
