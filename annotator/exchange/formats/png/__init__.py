"""Masks painted into pictures."""
