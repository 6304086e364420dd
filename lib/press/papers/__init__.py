"""Papers: what each `papers/<citekey>/paper.toml` says, read, checked, and quoted in prose."""
