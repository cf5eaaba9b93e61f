"""Open Bone Studio in the browser: ``python app.py [--port N]``, the same as ``bonestudio serve``."""

import sys

from bonestudio.cli import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
