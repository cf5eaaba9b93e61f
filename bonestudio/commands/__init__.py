"""The commands of the command line.

A new one is a line here and a file of its name with a ``COMMAND``: a function, or a dictionary of
functions when it has subcommands. Its parameters and docstring are its help.
"""

COMMANDS = {
    "serve": "open the studio in the browser",
    "inspect": "say what an image or a scan holds, as the studio reads it",
    "train": "train a recipe on images of your own or on virtual patients",
    "evaluate": "fill a table of a paper for given data and weights",
    "models": "list the checkpoints and their cards",
    "age": "show the bone of a film at another age: picture, GIF or film",
    "synthesise": "draw hands, break bones by design, pack labelled sets",
    "classify": "call a study of one or more views normal or abnormal",
    "segment": "find the bones of a hand, wrist or forearm and measure the wrist",
    "density": "estimate bone density from radiographs of the hip",
    "volume": "draw, invert, morph, mix, edit and measure HR-pQCT volumes",
    "phantom": "write virtual patients as files, or compare them with real films",
    "study": "open, watch, unblind and report reader studies",
}
