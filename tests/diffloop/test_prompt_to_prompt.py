"""Prompt-to-Prompt: against Diffusers' own attention with its weights replaced, and edits that must change nothing."""

import pytest
import torch
from diffusers import DDIMScheduler
from diffusers.models.attention_processor import AttnProcessor
from tests.diffloop.tiny_models import bits, same_bits, seeded

from diffloop.attention import cross_attention_maps, word_positions
from diffloop.levels import Level
from diffloop.pretrained import load
from diffloop.prompt_to_prompt import injection_end, prompt_to_prompt, refine, reweight, swap, with_edited_maps
from diffloop.text_to_image import decode_latents, encode_prompts, prompted_model, text_to_image

SOURCES = ["a red circle left of a blue square", "a large square on black"]
TARGETS = ["a red circle left of a blue triangle", "a small square on black"]
TEXT = {"steps": 3, "guidance_scale": 3.0}


@pytest.fixture(scope="module", params=["eps", "v"])
def models(request, eps_folder, v_folder):
    return load({"eps": eps_folder, "v": v_folder}[request.param])


def noise(models):
    return torch.randn(2, 4, *models.latent_size(None), generator=seeded())


def source_maps(source, own):
    return source


def own_maps(source, own):
    return own


class Injecting(AttnProcessor):
    """Diffusers' attention; its weights for the last quarter of the batch are those of the third quarter."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **kwargs):
        plain = attn.get_attention_scores

        def scores(query, key, attention_mask=None):
            probs = plain(query, key, attention_mask)
            rows = probs.unflatten(0, (-1, attn.heads))
            return torch.cat([rows[:6], rows[4:6]]).flatten(0, 1)

        attn.get_attention_scores = scores
        try:
            return super().__call__(attn, hidden_states, encoder_hidden_states, **kwargs)
        finally:
            del attn.get_attention_scores


@pytest.mark.parametrize("layers", ["attn2", "attn1"])
def test_a_hooked_layer_is_the_edited_maps_times_the_values(models, layers):
    """Diffusers' U-Net and scheduler with such layers, guided: all states to the end."""
    edited = with_edited_maps(
        prompted_model(models, [*SOURCES, *TARGETS], 3.0), models.unet, source_maps, layers=layers
    )
    x, levels = torch.cat([noise(models)] * 2), models.levels(3)
    text = torch.cat([encode_prompts(models, [""] * 4), encode_prompts(models, [*SOURCES, *TARGETS])])
    ours = edited(x, levels[0])
    assert torch.equal(ours[:2], prompted_model(models, [*SOURCES, *TARGETS], 3.0)(x, levels[0])[:2])
    processors = models.unet.attn_processors
    models.unet.set_attn_processor(
        {name: Injecting() if f".{layers}." in name else AttnProcessor() for name in processors}
    )
    try:
        with torch.no_grad():
            output = models.unet(torch.cat([x, x]), levels[0].t, encoder_hidden_states=text).sample
    finally:
        models.unet.set_attn_processor(processors)
    uncond, cond = output.chunk(2)
    torch.testing.assert_close(ours, uncond + 3.0 * (cond - uncond), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("models", ["eps"], indirect=True)
def test_the_whole_loop_is_diffusers_with_such_layers(models):
    """Algorithm 1 by Diffusers' scheduler, from one noise, the edit in the first two of three steps."""
    edit = swap(models.tokenizer, SOURCES, TARGETS)
    before, after = prompt_to_prompt(models, SOURCES, TARGETS, edit, injected=0.67, x_T=noise(models), **TEXT)
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip
    scheduler.set_timesteps(3)
    assert scheduler.timesteps.tolist() == [level.t for level in models.levels(3)[:-1]]
    x = torch.cat([noise(models)] * 2)
    text = torch.cat([encode_prompts(models, [""] * 4), encode_prompts(models, [*SOURCES, *TARGETS])])
    processors = models.unet.attn_processors
    try:
        for i, t in enumerate(scheduler.timesteps):
            kinds = {n: Injecting() if ".attn2." in n and i < 2 else AttnProcessor() for n in processors}
            models.unet.set_attn_processor(kinds)
            with torch.no_grad():
                uncond, cond = models.unet(torch.cat([x, x]), t, encoder_hidden_states=text).sample.chunk(2)
            x = scheduler.step(uncond + 3.0 * (cond - uncond), t, x).prev_sample
    finally:
        models.unet.set_attn_processor(processors)
    torch.testing.assert_close(torch.cat([before, after]), decode_latents(models, x), rtol=0, atol=1 / 255)


def test_equal_prompts_give_equal_pictures(models):
    """A prompt's own maps, and those of the same prompt from the same noise, change nothing."""
    edit = swap(models.tokenizer, SOURCES, SOURCES)
    before, after = prompt_to_prompt(models, SOURCES, SOURCES, edit, injected=1.0, x_T=noise(models), **TEXT)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5)
    plain = text_to_image(models, SOURCES, x_T=noise(models), **TEXT)
    torch.testing.assert_close(before, plain, rtol=0, atol=1e-5)
    _, after = prompt_to_prompt(models, SOURCES, TARGETS, own_maps, injected=1.0, x_T=noise(models), **TEXT)
    plain = text_to_image(models, TARGETS, x_T=noise(models), **TEXT)
    torch.testing.assert_close(after, plain, rtol=0, atol=1e-5)


def test_the_edit_changes_the_picture_and_the_network_stays(models):
    before = bits(models.unet)
    hooks = sum(len(m._forward_hooks) for m in models.unet.modules())
    edit = swap(models.tokenizer, SOURCES, TARGETS)
    how = {"x_T": noise(models), **TEXT}
    shares = {k: prompt_to_prompt(models, SOURCES, TARGETS, edit, injected=k, **how) for k in (0, 0.34, 1.0)}
    for source, _ in shares.values():
        torch.testing.assert_close(source, shares[0][0], rtol=0, atol=1e-5)
    assert (shares[1.0][1] - shares[0][1]).abs().max() > 1e-3
    assert (shares[1.0][1] - shares[0.34][1]).abs().max() > 1e-4
    assert same_bits(before, models.unet)
    assert sum(len(m._forward_hooks) for m in models.unet.modules()) == hooks


def test_hooks_go_even_when_a_call_fails(models):
    def failing(source, own):
        raise RuntimeError("no maps today")

    model = with_edited_maps(prompted_model(models, [*SOURCES, *TARGETS]), models.unet, failing)
    with pytest.raises(RuntimeError, match="no maps today"):
        model(torch.cat([noise(models)] * 2), models.levels(3)[0])
    assert not any(m._forward_hooks for m in models.unet.modules())


def test_nothing_is_edited_below_tau():
    """tau itself is edited; the share of a ladder's steps is counted from the noisy end."""
    levels = [Level(0.1, 0.9, t) for t in (900, 500, 100, 0)]
    assert [injection_end(levels, share) for share in (0, 1 / 3, 0.67, 1.0)] == [float("inf"), 900, 500, 100]
    with pytest.raises(ValueError, match=r"injected is 1\.5"):
        injection_end(levels, 1.5)


def test_a_batch_that_is_not_pairs_is_refused(models):
    model = with_edited_maps(prompted_model(models, SOURCES[:1]), models.unet, own_maps)
    with pytest.raises(ValueError, match="a batch of 1"):
        model(noise(models)[:1], models.levels(3)[0])
    model = with_edited_maps(prompted_model(models, SOURCES), models.unet, own_maps, layers="attn7")
    with pytest.raises(ValueError, match="attn7"):
        model(noise(models), models.levels(3)[0])
    with pytest.raises(ValueError, match="2 sources and 1 targets"):
        prompt_to_prompt(models, SOURCES, TARGETS[:1], own_maps, x_T=noise(models))


def random_maps(models, seed):
    return torch.rand(2, 3, 5, models.tokenizer.model_max_length, generator=seeded(seed)).softmax(-1)


def test_a_swapped_word_gets_the_old_ones_map(models):
    """One word of one token for another is all maps of the source; letters are tokens of their own here."""
    source, own = random_maps(models, 1), random_maps(models, 2)
    assert torch.equal(swap(models.tokenizer, SOURCES, TARGETS)(source, own), source)
    edit = swap(models.tokenizer, ["a red circle", "a red xy"], ["a xyz circle", "a red circle"])
    found = edit(source, own)
    torch.testing.assert_close(found[0, :, :, 2:5], source[0, :, :, 2:3].expand(-1, -1, 3) / 3)  # one spread over three
    torch.testing.assert_close(found[0, :, :, 5], source[0, :, :, 3])
    torch.testing.assert_close(found[1, :, :, 3], source[1, :, :, 3:5].sum(-1))  # two gathered in one
    torch.testing.assert_close(found[1, :, :, 4:-1], source[1, :, :, 5:])
    with pytest.raises(ValueError, match="use `refine`"):
        swap(models.tokenizer, ["a circle"], ["a red circle"])


def test_new_words_keep_their_own_maps(models):
    source, own = random_maps(models, 1), random_maps(models, 2)
    found = refine(models.tokenizer, ["a circle", "a red circle"], ["a red circle", "a blue circle"])(source, own)
    assert torch.equal(found[0, :, :, 2], own[0, :, :, 2])
    torch.testing.assert_close(found[0, :, :, :2], source[0, :, :, :2])
    torch.testing.assert_close(found[0, :, :, 3:], source[0, :, :, 2:-1])
    assert torch.equal(found[1, :, :, 2], own[1, :, :, 2])
    others = [i for i in range(models.tokenizer.model_max_length) if i != 2]
    torch.testing.assert_close(found[1][..., others], source[1][..., others])
    left_out = refine(models.tokenizer, ["a red circle"] * 2, ["a circle"] * 2)(source, own)
    torch.testing.assert_close(left_out[:, :, :, 2:-1], source[:, :, :, 3:])
    assert torch.equal(left_out[..., -1], own[..., -1])  # the last padding has no counterpart


def test_a_reweighted_word_counts_for_more(models):
    source, own = random_maps(models, 1), random_maps(models, 2)
    edit = reweight(models.tokenizer, ["a red circle", "a circle left of red"], ["red", "red"], -2.0, edit=None)
    found = edit(source, own)
    for row, position in ((0, 2), (1, 5)):
        assert word_positions(models.tokenizer, ["a red circle", "a circle left of red"][row], "red") == [position]
        assert torch.equal(found[row, :, :, position], -2 * source[row, :, :, position])
    assert torch.equal(found[0, :, :, 3:], source[0, :, :, 3:])
    assert torch.equal(reweight(models.tokenizer, SOURCES, ["a", "a"], 1.0, edit=own_maps)(source, own), own)
    with pytest.raises(ValueError, match="does not contain the word 'green'"):
        reweight(models.tokenizer, ["a red circle"], ["green"], 2.0, edit=None)


def test_the_maps_are_those_that_attention_shows(models):
    """What an edit gets, averaged over the heads, is what `cross_attention_maps` reads."""
    seen = []

    def edit(source, own):
        seen.append(torch.cat([source, own]).mean(1))
        return own

    model = with_edited_maps(prompted_model(models, [*SOURCES, *TARGETS], 3.0), models.unet, edit)
    with cross_attention_maps(models.unet) as maps:
        model(torch.cat([noise(models)] * 2), models.levels(3)[0])
    assert len(seen) == len(maps) > 1
    for theirs, ours in zip(maps.values(), seen, strict=True):
        torch.testing.assert_close(ours.mT.unflatten(2, theirs.shape[2:]), theirs[4:])


def test_words_that_share_letters_are_exchanged_whole(models):
    source = random_maps(models, 1)
    found = swap(models.tokenizer, ["a black cube"] * 2, ["a black ball"] * 2)(source, random_maps(models, 2))
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 3, 5))
