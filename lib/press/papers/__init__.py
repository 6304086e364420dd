"""Papers: what each paper.toml says, what posts measured and refer to, and the graph of it all."""
