"""Aisle puts every product on its right shelf: the command line."""

__version__ = "0.1.0"
