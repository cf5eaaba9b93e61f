"""The museum page: one bone, one big slider, nothing to upload and nothing to know."""

from bonestudio.interface.museum.routes import museum_app

__all__ = ["museum_app"]
