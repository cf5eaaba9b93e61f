"""Bone mineral density of the hip from a radiograph (paper 004), with its uncertainty.

Read ``estimator`` first: DensityEstimator takes one hip of a film (``film``), estimates the map and
judges whether a density may be told at all (``domain``). ``truth`` holds an estimate against DXA,
``pictures`` colours maps, ``export`` writes pages and tables, ``scores`` names T and Z for the page.
"""
