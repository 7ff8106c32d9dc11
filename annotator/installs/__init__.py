"""Installing models as jobs of the server: asked for by server admins, done by a worker."""
