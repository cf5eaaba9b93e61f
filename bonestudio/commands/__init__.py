"""The commands of the command line; a new one is a file here and a line in this table."""

from collections.abc import Callable

from bonestudio.commands.inspect import inspect
from bonestudio.commands.models import models
from bonestudio.commands.serve import serve

COMMANDS: dict[str, Callable[..., None]] = {
    "serve": serve,
    "inspect": inspect,
    "models": models,
}
