"""The command line: ``bonestudio COMMAND``, one file per command in ``bonestudio.commands``.

What a user can put right ends in one sentence on the error stream and exit status 2. The commands
import what they need when they run, so ``--help`` answers at once.
"""

import os
import sys
from collections.abc import Sequence

from bonestudio.errors import BoneStudioError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status."""
    import tyro

    from bonestudio.commands import COMMANDS

    try:
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="bonestudio",
            description="Generate, age, break, segment and measure images of bones. Research use, not for diagnosis.",
            args=arguments,
            use_underscores=False,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    except BoneStudioError as error:
        print(f"bonestudio: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("bonestudio: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `bonestudio models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
