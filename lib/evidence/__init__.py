"""Evidence: estimates with intervals that cover what they promise, from a few dozen units up. NumPy and SciPy only.

estimates    Estimate, mean, share, ratio: of values per unit, a unit being whatever was drawn independently
nearness     kernel_difference, kernel_contrast: which of two sets lies nearer to a third, paired and without bias
adjusting    adjusted_mean: a mean corrected by what is known of many more units
clusters     clustered_mean: of few units with several values each, such as trainings and their pictures
closeness    energy_distances, quotient: each prompt's pictures against its real ones; means that may vanish
leaving_out  jackknife: of statistics other than means, such as a distance between sets
looks        sequentially: draw in blocks, stop as soon as a question is settled; intervals that allow for it
several      smallest, largest: of estimates that a claim needs together
settling     units_for: how many units show a given effect with a given power

Which variance an interval covers depends on its units: with a training as the unit, and other prompts and noise for
each, it covers training, prompts and noise; with a picture as the unit, prompts and noise of the one model at hand.

tests/evidence/ checks them against worlds that are known exactly: an interval of 95 % must contain the truth in 92 to
98 of 100 experiments.
"""
