"""Bones found on a film, and the wrist measured (paper 002).

Read ``segmenter`` first: BoneSegmenter makes a mask by one of the ``ways``, tells bones apart and
measures them; ``export`` writes masks, overlays, measurements and DICOM SEG.
"""
