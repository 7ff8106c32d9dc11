"""Photo files: decoding with limits, derived pictures, the content-addressed store. Knows no database rows."""
