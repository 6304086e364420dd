"""The diffusion loops: one algorithm per file, plain functions, exact tests.

Import from the submodule (`from diffloop.ddim import ddim_step`), so that a post depends on exactly the files that it
uses. Nothing is imported here for the same reason.

levels             Level, vp, karras, straight, forward_std, steps_down, pick, number_like, told: a noise level is
                   signal, noise and what the network is told; its numbers as tensors
ladders            trained_levels, karras_levels, flow_levels, edm_clock, trained_clock: ladders, and clocks
types              Model, Sampler, Models, State, Latents, Images: the three interfaces, and shared types
schedules          linear_betas, cosine_betas, scaled_linear_betas, alphas_cumprod_from_betas,
                   rescale_zero_terminal_snr, spaced_timesteps
parameterization   add_noise, predictions, target, predict: eps <-> x_0 <-> v <-> velocity
preconditioning    seen_as, edm_preconditioned: a network on another ladder; EDM's wrapper
noise              draw_noise, with_noise: from one generator, or one per image
seeds              seeded, seeded_each: generators from a run's seed and an offset
transfer           carried: a tensor to a GPU without waiting for it

ddim               ddim_step_std, ddim_step, ddim_sample, ddim_invert: with the formula behind most samplers
ddpm               posterior_coefficients, ddpm_step_std, ddpm_step, ddpm_sample, loss_weights, kl_prior, kl_step,
                   decoder_nll
dpm_solver         dpm_solver_timesteps, dpm_solver_step, dpm_solver_sample: DPM-Solver++(2M)
euler              euler_step, euler_sample, Churn: EDM's stochastic sampler, and a flow's Euler
heun               heun_sample: EDM's second-order sampler
deis               deis_step, deis_sample: exponential integrator of second order
consistency        consistency_sample, consistency_function, lcm_timesteps: sampling with a consistency model

guidance           Guidance, guide, rescale, classifier_free_guidance, on_interval, clip_guidance
guidance_kinds     cfg_plus_plus, cfg_plus_plus_invert, projected: CFG++ and APG
text_to_image      text_to_image, prompted_model, encode_prompts, decode_latents, denoise, ladder: with its parts
image_to_image     image_to_image, encode_images, last_levels: SDEdit
inpainting         inpaint: by replacement, or with an inpainting U-Net
instruct_pix2pix   instruct, instructed_model: a picture edited by an instruction, with two guidance scales
diffedit           diffedit, encode, masked_decode: find where to edit, then edit only there
diffedit_mask      contrast_map, binary_masks: DiffEdit's mask
attention          cross_attention_maps, word_positions, word_map: which pixel looks at which word
prompt_to_prompt   prompt_to_prompt, with_edited_maps, injection_end, swap, refine, reweight: editing by attention maps
null_text          null_text_optimization, global_null_text_optimization, null_text_model: inversion under guidance

pretrained         load: a checkpoint as one of the families
stable_diffusion   StableDiffusion: versions 1 and 2, inpainting, editing by instruction
stable_diffusion_xl, stable_diffusion_3  StableDiffusionXL, StableDiffusion3: the latter a transformer on a flow
scheduler_file     scheduler_settings, flow_settings: a scheduler's file followed, reported or rejected
checkpoint_files   check_kind, check_layout: whether a checkpoint is complete, and of a family that we know
latents            vae_encode, vae_decode, to_unet_scale, to_vae_scale, in_own_type: the VAE and its scale
fingerprint        fingerprint: whether networks are, bit for bit, what they were
graphs             Graphs, callers: calls of a network that a GPU repeats by itself
watched            Watched: whether a network is unchanged
words              expand_words: a new word of several vectors, written out in a prompt

training           train, check_trains, write_whole, master_weights: a resumable loop
denoising          denoising_loss, level_loss, stratified, text_conditioned, check_latents
finetuning         full_copy, shared_copy, lora_copy, lora_parameters, lora_state, save_lora, load_lora
lora_files         read_lora: low-rank additions from a file of ours, Diffusers, PEFT or kohya
imagic             optimize_embedding, fine_tune, interpolate, embedding_model
textual_inversion  add_concept, concept_of, learn_concept, expand, save_concept, load_concept
concept_files      read_concept: a word from a file of ours, Diffusers or A1111
dreambooth         dreambooth, prior_preservation_loss
distillation       halve_steps, halving_loss, halved, implied_x_0, two_step_target, teacher_target,
                   distillation_weight, distillation_loss, under: progressive distillation
guided_distillation  distill_guidance, guided_loss, guided_teacher, with_scales, guided_student, unet_student,
                   unet_model, guidance_embedding
consistency_distillation  neighbours, consistency_loss, through_boundary, follow, lcm_skip, edm_skip,
                   adaptive_schedule: consistency distillation, and consistency training
rectified_flow     pair_loss, reflow, straightness, conditional_velocity, mixture_velocity_model, logit_normal
small_networks     small_networks: many perceptrons side by side, for trainings in the plane
glide              glide_sample, Stage, beside_low_res, shrink, noised_clip_similarity, noised_clip_loss

metrics            frechet_distance, kernel_distance, diversity, psnr, ssim, mask_iou, bootstrap_interval
exact              gaussian_mixture, condition, sample_mixture, mixture_eps_model, dataset_eps_model,
                   gaussian_flow_map, gaussian_recursion: denoisers in closed form, and what samplers must do with them
branches           two_trees: two classes with narrow branches, as a Gaussian mixture

Timesteps are variance preserving (VP) and 0-based: t = 0 is the least noisy state, t = T - 1 the noisiest, and clean
data is "t = -1". DDPM and DDIM count from 1 (their t is ours plus 1). NOTATION.md has the table of names.
"""
