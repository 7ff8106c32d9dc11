"""Hints to open pages."""
