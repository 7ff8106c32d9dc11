"""Masks as arrays, RLE, boxes and polygons.

Built on numpy, cv2 and pycocotools alone: a web process imports this room, so it must never import torch.
"""
