"""The pages that the press generates: papers, indexes, the graph, and what links to each page."""
