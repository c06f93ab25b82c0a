"""Say it, see it: speech to picture, offline, on your own machine."""

__version__ = "0.1.0"
