"""A captioned world whose truth is known, and a tiny Stable Diffusion trained on it.

Import from the submodule (`from tinyworld.scene import sample_scene`), so that a post depends on exactly what it uses.

scene              Scene, Thing, sample_scene, split_of, edit, concept_scene: the vocabulary, and scenes sampled by seed
captions           caption, random_caption, parse: a scene in words, in several phrasings, and words into attributes
web_captions       web_caption, Lies: captions that lie now and then, as the web's do
render             render, render_edit: uint8 pictures and each thing's visible mask; what exactly an edit changed
sdf, setting, shading  march, backdrop, shade: what the renderer is made of
pictures           grid, save_grid: pictures side by side, as a PNG
oracle             load_oracle, score, read, segment, frechet_distance: the classifier that grades pictures
resized            to_model, to_oracle: between the world's 64 x 64 pixels and a checkpoint's size
identity           train_identity, identify: a head on the oracle for concepts that no caption names

tokenizer          make_tokenizer, load_tokenizer: CLIP's tokenizer on our words
models             load_tiny, load_clip, load_unet: the exported folders
noised_clip        make_noised_clip, encode_noised, load_noised_clip: a CLIP for noised latents
sampling           Parts, generate: text to image by diffloop
patches            pixel_model, guided_pixel_model, correcting: pixels for a U-Net of latents

trainer            train: the training loop of every stage, resumable to the bit
batches            captioned: latents of training pictures with captions
budget             Budget: how long a run is, and its learning rate
checkpoint         save_checkpoint, load_checkpoint, write_manifest: what a run writes
curve, progress    Curve, Progress: its losses, and how far it is
parallel           ranks, average_gradients: several processes
stages             run_stage, lengths_like: one stage from the command line
stage_world        make_world, World: renders the pictures
stage_oracle, stage_vae, stage_clip  train_oracle, train_vae, train_clip: the first networks
stage_unet         train_unet: the stages unet and joint
stage_guided, stage_inpaint, stage_web  train_guided, train_students, train_inpaint, train_web: on top of the U-Net
stage_noised_clip, stage_glide  train_noised_clip, train_glide: for the post on GLIDE
stage_export, stage_export_more, stage_restore  export, export_more, restore: folders for others, and back
"""
