"""What a post calls to show things: figure style, rows of pictures, sliders, tables, boxes, fitting sentences.

Import the module that you need (`from postkit.style import use_style`); nothing is imported eagerly.

style       use_style: figures that read on a light and on a dark page
gallery     show_rows, sheet: rows of pictures
slider      slider: frames under a range input, without a server
table       table: a small table
livefigure  live: a figure that readers redraw in their browser
livespec    fault: what the description of such a figure may hold
provenance  provenance: commit, seed, device and versions in one line
paths       project_path: where a post finds the project's files

claims      claim: a box with the verdict on what a paper claims
measured    measured: the same from an estimate
verdicts    Claim, Measurement, verdict: the rule of all verdicts
pooling     pooled, Recorded: one measurement from many runs
printed     paper_numbers: the numbers that a paper prints
saying      told, side, with_interval: sentences that the measurement chooses

_claim_box, _html, _slider_js  box_html, Shown, SCRIPT: what these are made of
"""
