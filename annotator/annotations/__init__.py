"""Masks and their history."""
