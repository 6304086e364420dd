"""Executed results between machines: `press cache export` writes a cache, `--cache-from` takes from one what has not
run here yet, `press verify` runs posts again and compares, and `press record` runs them with many seeds.

Everything that is taken was written by somebody else. So only outputs are taken, under a key that is computed here, for
cells that are read here. What does not fit, or could act in a reader's browser, is refused with the reason, and the
post is executed here.
"""
