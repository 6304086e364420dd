"""The publishing side: from `post.qmd` to a published site. Imports no torch."""
