"""The page, worker and server of the decoder's benchmark."""
