"""The diffusion loops: one algorithm a file, plain functions, exact tests.

Import from the submodule (`from diffloop.ddim import ddim_step`), so that a post depends on exactly the files that it
uses. Nothing is imported here for the same reason.

schedules          linear_betas, cosine_betas, scaled_linear_betas, alphas_cumprod_from_betas,
                   rescale_zero_terminal_snr, spaced_timesteps, strided_prev_timesteps, step_pairs, alpha_bar_at
parameterization   add_noise, eps <-> x_0 <-> v, Karras' sigma, predictions
noise              draw_noise: one generator, or one an image
ddpm               posterior_coefficients, ddpm_step, ddpm_sample, loss_weights, kl_prior, kl_step, decoder_nll
ddim               ddim_step_std, ddim_step, ddim_sample, ddim_invert
exact              denoisers in closed form (Gaussian mixture, finite data set), and what samplers must do on a Gaussian

Timesteps are variance preserving (VP) and 0-based: t = 0 is the least noisy state, t = T - 1 the noisiest, and clean
data is "t = -1". DDPM and DDIM count from 1 (their t is ours plus 1). NOTATION.md has the table of names.
"""
