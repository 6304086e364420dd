"""A captioned world whose truth is known, and a tiny Stable Diffusion trained on it.

Import from the submodule (`from tinyworld.scene import sample_scene`), so that a post depends on exactly what it uses.

scene      the vocabulary, Scene and Thing, sampling by seed, splits and held-out combinations, edits, new concepts
captions   scene -> caption in several phrasings, and caption -> attributes
render     scenes -> uint8 pictures and each object's visible mask; an edit -> the exact mask of what changed
oracle     the classifier that grades pictures: score against captions, Frechet distance, object masks
training   the training loop of every stage: resumable to the bit, atomic checkpoints, manifest, curves
stage_*    one file a stage: world, oracle, vae, clip, unet (and joint), export
"""
