"""Whose a photo's content is: claimed by rows before anybody looks at its files, and removed when nobody is left."""
