"""YOLO-seg."""
