"""The command line: ``bonestudio COMMAND``, one file per command in ``bonestudio.commands``.

What a user can put right ends in one sentence on the error stream and exit status 2. Only the
command that is asked for is imported, so ``--help`` answers at once.
"""

import difflib
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from bonestudio.commands import COMMANDS
from bonestudio.errors import BoneStudioError, RequestError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_ABOUT = """usage: bonestudio COMMAND ...

Generate, age, break, segment and measure images of bones.
Research use, not for diagnosis.

{commands}

'bonestudio COMMAND --help' tells more."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _run(words)
        sys.stdout.flush()
    except BoneStudioError as error:
        print(f"bonestudio: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("bonestudio: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `bonestudio models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        print(
            f"bonestudio: The disk refuses ({error.strerror}); free space and try again.",
            file=sys.stderr,
        )
        sys.exit(2)


def _run(words: list[str]) -> None:
    if not words or words[0] in {"-h", "--help"}:
        width = max(map(len, COMMANDS))
        lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
        print(_ABOUT.format(commands="\n".join(lines)))
        return
    name, *rest = words
    if name == "--version":
        from bonestudio import __version__

        print(f"bonestudio {__version__}")
        return
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "'bonestudio --help' lists them."
        raise RequestError(f"There is no command '{name}'; {hint}")

    import tyro

    command = import_module(f"bonestudio.commands.{name}").COMMAND
    run = tyro.extras.subcommand_cli_from_dict if isinstance(command, dict) else tyro.cli
    run(command, args=rest, prog=f"bonestudio {name}", config=(tyro.conf.FlagCreatePairsOff,))


if __name__ == "__main__":
    main()
