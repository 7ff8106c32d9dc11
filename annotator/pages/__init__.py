"""Server-rendered pages: everything a person sees but the workspace itself. Nothing imports this app."""
