"""What stands beside the volume viewer: measurements, history, the curve of an inversion."""

from bonestudio.interface.viewers.volume_editor.parts import error_curve, history, measures, steps

__all__ = ["error_curve", "history", "measures", "steps"]
