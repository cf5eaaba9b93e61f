"""Fractures (papers 001 and 002): drawn, designed, classified, packed as labelled sets.

Read ``studio`` first: FractureStudio is what is called, and each of its methods has a file.

- Hands from noise: ``models`` (which weights there are), ``hands``, ``memory`` (was a film copied?).
- Fractures by design: ``design``, ``refiner`` (the look of archived films), ``samples``.
- Studies: ``abnormality``, explained by ``heat``.
- Labelled sets: ``wanted`` (which images), ``export`` (the ZIP and its manifest).
"""
