"""A captioned world whose truth is known, and a tiny Stable Diffusion trained on it.

Import from the submodule (`from tinyworld.scene import sample_scene`), so that a post depends on exactly what it uses.

scene      the vocabulary, Scene and Thing, sampling by seed, splits and held-out combinations, edits, new concepts
captions   scene -> caption in several phrasings, and caption -> attributes
web_captions   captions that lie now and then, as the web's do
render     scenes -> uint8 pictures and each object's visible mask; an edit -> the exact mask of what changed
sdf, setting, shading   what the renderer is made of
oracle     the classifier that grades pictures: score against captions, Frechet distance, object masks
resized    pictures between the world's 64 x 64 pixels and a checkpoint's size: to_model, to_oracle
identity   a head on the oracle for concepts that no caption names, trained on renders in seconds
tokenizer, sampling, models   CLIP's tokenizer on our words; text to image by diffloop; loading the exported folders
trainer    the training loop of every stage: resumable to the bit; with budget, checkpoint, curve, parallel, progress
stage_*    one file per stage: world, oracle, vae, clip, unet (and joint), what stands on these, export and, to undo it,
           restore; `stages` runs one from the command line
"""
