"""The Django project of Maskwright and its apps."""

__version__ = "0.1.0"
