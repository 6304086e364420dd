"""Evidence: estimates with intervals that hold what they promise, from a few dozen units up. NumPy and SciPy only.

estimates   Estimate, mean, share, ratio: of values per unit, units being whatever was drawn independently
nearness    kernel_difference: which of two sets lies nearer to a third, paired, without bias; kernel_contrast, of more
adjusting   adjusted_mean: a mean corrected by what is known of many more units
clusters    clustered_mean: of few units with several values each, such as trainings and their pictures
closeness   energy_distances: of each prompt's pictures to its real ones; quotient: of means that may vanish
leaving_out jackknife: of statistics that are no means, such as a distance between sets
looks       sequentially: draw in blocks and stop as soon as a question is settled, with intervals valid under that
several     smallest, largest: of estimates that a claim needs together
settling    units_for: how many units show a given effect with a given power

Which variance an interval covers is said by its units: with a training as the unit, and other prompts and noise for
each, it covers training, prompts and noise; with a picture as the unit, prompts and noise of the one model at hand.

tests/evidence/ holds them against worlds that are known exactly: an interval of 95 % must hold the truth in 92 to 98 of
100 experiments.
"""
