"""What bench_fuzz.py throws at the parsers: sound files, ways to damage them, and what each parser must then do."""
