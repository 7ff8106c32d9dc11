"""Figures of the work: active time, sums of masks, the dashboard, latency."""
