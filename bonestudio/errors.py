"""What goes wrong, said in one sentence to the person who can put it right.

Everything a user can cause ends in one of these: the app shows the sentence in its status line,
the command line prints it and exits with 2, Python code catches :class:`BoneStudioError`.
A sentence says what is wrong and what would be right; it never holds patient data.
"""


class BoneStudioError(Exception):
    """Anything a user can put right."""


class ImageError(BoneStudioError):
    """A file or an array is not an image that can be used."""


class CheckpointError(BoneStudioError):
    """Weights are missing, damaged, or made for another network."""


class RecipeError(BoneStudioError):
    """A training recipe is damaged or asks for something unknown."""


class RequestError(BoneStudioError):
    """A value is outside what can be computed (an age of 45 for a hand, a negative count)."""


class StorageError(BoneStudioError):
    """A folder or a disk cannot take what is to be written."""


class StudyError(BoneStudioError):
    """A reader study was asked for something that its protocol forbids."""


class TrainingError(BoneStudioError):
    """Training cannot go on (a loss that is not a number, no memory, no data)."""
