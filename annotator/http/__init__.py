"""What every HTTP answer carries: headers, logs, static files."""
