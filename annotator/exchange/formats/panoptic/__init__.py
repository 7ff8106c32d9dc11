"""Panoptic COCO."""
