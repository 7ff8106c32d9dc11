"""How good a model is, measured as people use it: clicks and boxes on photos with known masks."""
