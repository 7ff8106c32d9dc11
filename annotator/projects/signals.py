"""What this room tells whoever listens."""

from django.dispatch import Signal

# Sent inside the transaction that puts a project into the bin, with project: what works on it has to end.
project_binned = Signal()

# Sent inside the transaction that takes a project out of the bin, with project: what the bin has cut short goes on.
project_restored = Signal()

# Sent with project inside the transaction of the change, when it keeps to another model version or to the default.
model_chosen = Signal()
