"""Cross-attention maps: against the layers' own outputs, on random networks of two shapes."""

import pytest
import torch
from tests.diffloop.tiny import tokenizer
from torch import nn

from diffloop.attention import cross_attention_maps, word_map, word_positions
from diffloop.pretrained import load
from diffloop.text_to_image import encode_prompts

PROMPTS = ["a red circle left of a blue square", "two green triangle"]


@pytest.fixture(scope="module", params=["eps", "v"])
def models(request, eps_folder, v_folder):
    return load({"eps": eps_folder, "v": v_folder}[request.param])


def call(models, height=16, width=16, t=500):
    x_t = torch.randn(2, 4, height, width, generator=torch.Generator().manual_seed(0))
    return models.predict(x_t, t, encode_prompts(models, PROMPTS))


def test_the_network_is_left_as_it_was(models):
    before = call(models)
    hooks = sum(len(m._forward_pre_hooks) for m in models.unet.modules())
    with cross_attention_maps(models.unet) as maps:
        assert maps == {}
        assert torch.equal(call(models), before)
    assert sum(len(m._forward_pre_hooks) for m in models.unet.modules()) == hooks
    kept = {name: m.clone() for name, m in maps.items()}
    call(models, t=3)
    assert all(torch.equal(maps[name], kept[name]) for name in kept)


def test_hooks_go_even_when_a_call_fails(models):
    with pytest.raises(RuntimeError), cross_attention_maps(models.unet):
        raise RuntimeError
    assert not any(m._forward_pre_hooks for m in models.unet.modules())


def test_weights_are_shares_of_the_tokens_at_each_pixel(models):
    with cross_attention_maps(models.unet) as maps:
        call(models, height=8, width=16)  # sides that differ, so that rows and columns cannot be mixed up
    shapes = {name: tuple(m.shape) for name, m in maps.items()}
    tokens = models.tokenizer.model_max_length
    assert shapes["down_blocks.0.attentions.0.transformer_blocks.0.attn2"] == (2, tokens, 8, 16)
    assert shapes["mid_block.attentions.0.transformer_blocks.0.attn2"] == (2, tokens, 4, 8)
    assert [name.split(".")[0] for name in maps] == ["down_blocks", "mid_block", "up_blocks", "up_blocks"]
    for m in maps.values():
        assert m.dtype == torch.float32
        assert (m >= 0).all()
        torch.testing.assert_close(m.sum(1), torch.ones_like(m[:, 0]))


def test_weights_times_values_are_the_layers_output(models):
    """With one head only, the mean over heads is the head; then the layer is weights @ values and a linear map."""
    layers = {name: m for name, m in models.unet.named_modules() if name.endswith("attn2")}
    seen, hooks, heads = {}, [], {name: layer.heads for name, layer in layers.items()}
    for name, layer in layers.items():
        layer.heads = 1
        hooks.append(layer.register_forward_hook(lambda m, a, out, name=name: seen.update({name: out})))
    try:
        with cross_attention_maps(models.unet) as maps:
            call(models, height=8, width=16)
    finally:
        for name, layer in layers.items():
            layer.heads = heads[name]
        for hook in hooks:
            hook.remove()
    text = encode_prompts(models, PROMPTS)
    for name, layer in layers.items():
        out = layer.to_out[0](maps[name].flatten(2).mT @ layer.to_v(text))
        torch.testing.assert_close(out, seen[name], rtol=1e-4, atol=1e-5)


def test_a_map_lights_up_at_the_pixel_that_looks():
    """Rows and columns are not mixed up: one pixel, at the last row and column, asks for the second token."""

    class Layer(nn.Module):
        heads = 1
        to_q, to_k = nn.Identity(), nn.Identity()

        def forward(self, x, *, encoder_hidden_states):
            return x

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer_blocks = nn.ModuleList([nn.Module()])
            self.transformer_blocks[0].attn2 = Layer()

        def forward(self, x, text):
            return self.transformer_blocks[0].attn2(x.flatten(2).mT, encoder_hidden_states=text)

    net = nn.Module()
    net.block = Block()
    x = torch.zeros(1, 2, 3, 5)
    x[0, 1, 2, 4] = 10.0
    with cross_attention_maps(net) as maps:
        net.block(x, torch.eye(2)[None])
    (m,) = maps.values()
    share = torch.tensor(10 / 2**0.5).sigmoid()
    expected = torch.full((3, 5), 0.5)
    expected[2, 4] = share
    torch.testing.assert_close(m[0, 1], expected)


def test_a_network_without_text_is_refused():
    with (
        pytest.raises(ValueError, match="Linear has no layer called 'attn2'"),
        cross_attention_maps(nn.Linear(1, 1)),
    ):
        pass


def test_word_positions_count_from_the_start_token():
    words = tokenizer(16)
    prompt = "a red circle left of a blue square"
    assert word_positions(words, prompt, "red") == [2]
    assert word_positions(words, prompt, "a") == [1, 6]
    assert word_positions(words, prompt, "blue square") == [7, 8]
    assert word_positions(words, "a dog", "dog") == [2, 3, 4]  # unknown to the tokenizer: letter by letter
    assert word_positions(words, "a square", "square") == [2]  # the last word before the end token


@pytest.mark.parametrize("word", ["green", "", "re", "square on"])
def test_a_word_that_is_not_there_is_refused(word):
    with pytest.raises(ValueError, match="does not contain the word"):
        word_positions(tokenizer(16), "a red square", word)


def test_a_word_that_is_cut_off_is_refused():
    with pytest.raises(ValueError, match="'blue'"):
        word_positions(tokenizer(6), "a red square on a blue circle", "blue")


def test_word_map_is_the_mean_over_tokens_and_layers():
    fine, coarse = torch.rand(2, 5, 4, 4), torch.rand(2, 5, 2, 2)
    maps = {"fine": fine, "coarse": coarse}
    torch.testing.assert_close(word_map(maps, [3], size=(4, 4), layers=["fine"]), fine[:, 3])
    torch.testing.assert_close(word_map(maps, [1, 3], size=(4, 4), layers=["fine"]), (fine[:, 1] + fine[:, 3]) / 2)
    both = word_map(maps, [2], size=(4, 4))
    corner = (fine[:, 2, 0, 0] + coarse[:, 2, 0, 0]) / 2  # a corner of a bilinear enlargement is the corner itself
    torch.testing.assert_close(both[:, 0, 0], corner)
    assert word_map(maps, [2], size=(8, 6)).shape == (2, 8, 6)


@pytest.mark.parametrize(
    ("positions", "layers", "message"),
    [([1], ["mid"], r"unknown layers \['mid'\]"), ([], None, "0 positions"), ([1], [], "0 layers")],
)
def test_word_map_refuses(positions, layers, message):
    with pytest.raises(ValueError, match=message):
        word_map({"fine": torch.rand(1, 3, 4, 4)}, positions, size=(4, 4), layers=layers)
