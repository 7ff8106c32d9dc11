"""What inference tells whoever listens; it knows neither projects nor pages."""

from django.dispatch import Signal

# Sent with sha256, model_version (str), crop_box and status whenever an embedding's status changes.
embedding_changed = Signal()
# Sent with version (ModelVersion), inside the transaction of the decision, when another one becomes the default.
default_changed = Signal()
