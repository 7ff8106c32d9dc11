"""Photos: ingest, derived pictures, serving."""
