"""Beginnings: `press init` writes a first blog, `press new` a first post."""
