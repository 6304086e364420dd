"""Posts: read, run where they are stale, and what is put into their notebooks."""
