"""What this room tells whoever listens."""

from django.dispatch import Signal

# Sent with job inside the transaction in which somebody cancels it.
job_cancelled = Signal()
