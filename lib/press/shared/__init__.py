"""Executed results between machines: `press cache export` writes a cache, `--cache-from` takes from one what is not run
here yet, and `press verify` runs posts again and compares.

Everything that is taken was written by somebody else. So only outputs are taken, under a key that is computed here, for
cells that are read here; what does not fit, or could do something in a reader's browser, is refused by name, and the
post is executed here.
"""
