"""Age progression (paper 000): one bone at every age.

Read ``progression`` first: AgeProgression prepares a film (``film``), asks whether a model may be
asked about it (``domain``) and draws all ages in one batch (``frames``). ``pictures`` lays ages out
for people, ``export`` writes them with their manifest, ``exhibit`` packs them for the museum page.
"""
