"""The refiner as an instrument: what it takes, what it gives, what it refuses."""

import numpy as np
import pytest
import torch

from bonestudio.checkpoints import Card, Part
from bonestudio.checkpoints.store import save
from bonestudio.errors import CheckpointError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.refiner import Refiner, refine, refiners
from bonestudio.networks.cyclegan import Generator

CONFIG = {"width": 4, "blocks": 1, "shortcut": True}
