"""The volume editor (paper 003): HR-pQCT volumes drawn, inverted, morphed, mixed and pushed.

Read ``codes`` first (what a volume is made from, and what is done with it without a network), then
``editor``: VolumeEditor is what is called.

- Weights: ``cards`` (which there are), ``model`` (codes in, volumes out).
- In and out: ``scan`` (a person's scan to stacks), ``inversion`` (stacks to codes), ``export``.
- Edits: ``directions``, ``target`` (until an attribute has changed by what was asked for).
- What is told of a volume: ``measures``, ``realism``, ``keeping`` (what an edit left alone). Undo, redo and files of it: ``session``.
"""
