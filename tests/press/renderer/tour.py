"""A post that uses everything that we support; `python -m tests.press.renderer.tour DIR` writes the project."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.press.renderer.builder import code, display, html, md, picture, plain, stream, write_post, write_site

FRONT = """
title: "Fast sampling with *implicit* models"
subtitle: "What fifty steps buy, measured"
author: Ada Example
date: 2026-03-14
categories: [sampling, DDIM]
description: "DDIM draws the same image in fewer steps; each number here was measured in this build."
abstract: |
  A sampler is a way back from noise. We measure how much quality survives when it takes fewer steps.
"""

PROSE = (
    "A diffusion model learns to undo noise one small step at a time. The sampler decides how many of those steps are "
    "taken and how much fresh noise each of them adds. Fewer steps are cheaper, and at some point the picture suffers; "
    "the point of this post is to find out where."
)

TABLE = """<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>steps</th><th>eta</th>
<th>precision</th><th>recall</th><th>coverage</th><th>seconds</th><th>error</th><th>nfe</th></tr></thead><tbody>
<tr><th>0</th><td>10</td><td>0.0</td><td>0.8125</td><td>0.7031</td><td>0.6953</td><td>0.412</td><td>0.0312</td><td>10</td></tr>
<tr><th>1</th><td>50</td><td>0.0</td><td>0.9062</td><td>0.8203</td><td>0.8125</td><td>1.981</td><td>0.0105</td><td>50</td></tr>
</tbody></table>"""

BLUE, RED, GREEN = (60, 110, 180), (190, 80, 70), (70, 150, 90)


def tour_cells() -> list[dict]:
    return [
        md(f"""
## The idea {{#sec-idea}}

{PROSE} It is due to @song2021, and builds on earlier work [@ho2020, sec. 3; @karras2022].[^note]
See @sec-idea, @eq-step, @fig-one, @fig-pair-2 and @tbl-short, or [Fig @fig-one] and -@fig-one; and @lst-code.

[^note]: A footnote with *emphasis* and math $\\bar\\alpha_t$.

$$
x_{{t-1}} = \\sqrt{{\\bar\\alpha_{{t-1}}}}\\,\\hat x_0 + \\sqrt{{1 - \\bar\\alpha_{{t-1}} - \\sigma_t^2}}
  \\,\\hat\\epsilon_\\theta(x_t) + \\sigma_t z
$$ {{#eq-step}}

::: {{.column-margin}}
The *stochasticity* $\\eta$ scales $\\sigma_t$: at $\\eta = 0$ nothing is random but the start.
:::

{PROSE}

### What we claim

::: {{.callout-note}}
## A note with a title
The claim holds for **deterministic** sampling only.
:::

::: {{.callout-tip collapse="true" title="How to read the figures"}}
Rows are seeds, columns are steps.
:::

::: {{.callout-warning appearance="simple"}}
Simple, without a title.
:::

::: {{.callout-important icon=false}}
No icon here.
:::

::: {{.callout-caution appearance="minimal"}}
Minimal.
:::
"""),
        code("#| tags: [parameters]\nsteps = 50\nseed = 0", tags=["parameters"]),
        code(
            "#| label: fig-one\n#| fig-cap: 'Samples of *one* seed, from @eq-step.'\n#| fig-alt: 'A blue gradient'\n"
            "import matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\n"
            "ax.imshow(x_0.permute(1, 2, 0), interpolation='nearest')  "
            "# a rather long line of code that has to scroll within its block on a phone, and does",
            picture(640, 300),
        ),
        md(PROSE),
        code(
            "#| label: fig-pair\n#| fig-cap: Two samplers on shared noise\n#| fig-subcap: [DDPM, DDIM]\n"
            "#| layout-ncol: 2\n"
            "#| code-fold: true\n#| code-summary: Show the plot\nplot(a)\nplot(b)",
            picture(320, 240, RED),
            picture(320, 240, GREEN),
        ),
        md("""
::: {#fig-hand layout-ncol=2}
![First by hand](local.png){#fig-hand-a}

![Second by hand](local.png){#fig-hand-b}

Two figures written by hand
:::

As @fig-hand-b shows, @fig-hand works too.
"""),
        code("print('plain output')\nstep", stream("plain output\n"), plain("DDIMStep(eta=0.0)")),
        code("#| label: tbl-wide\n#| tbl-cap: Measured in this build\n#| echo: false\ndf", html(TABLE)),
        md("""
## Tables and tabs

| sampler | steps | error |
|:--------|------:|------:|
| DDPM    |  1000 | 0.010 |
| DDIM    |    50 | 0.011 |

: Errors of two samplers {#tbl-short}

::: {.panel-tabset}
## Python
```python
def step(x):
    return x
```

## Words
Take a step, and another.

## Figure
![A picture in a tab](local.png)
:::

```{#lst-code .python lst-cap="The step in full"}
def ddim_step(x_t, eps, *, alpha_bar_t, alpha_bar_prev):
    x_0_hat = (x_t - (1 - alpha_bar_t) ** 0.5 * eps) / alpha_bar_t**0.5
    return alpha_bar_prev**0.5 * x_0_hat + (1 - alpha_bar_prev) ** 0.5 * eps
```

> A quotation, to see how it looks.

1. First
2. Second
   - nested

Term
:   Its definition.
"""),
        code("claim()", display({
            "text/html": '<div class="claim"><strong>Claim holds.</strong> measured 0.011, stated 0.012</div>',
            "application/vnd.claim+json": {"id": "c1"},
        })),
        md(f"### More on margins\n\n{PROSE}\n\n{PROSE}"),
        md("## Related\n\nSee [the first post](../alpha/index.ipynb) and [about](/about.qmd#team)."),
    ]  # fmt: skip


def write_tour(root: Path) -> Path:
    """The whole fixture site: three posts."""
    from tests.press.renderer.builder import png

    write_site(root)
    path = write_post(root, "tour", FRONT, *tour_cells())
    (path.parent / "local.png").write_bytes(png(320, 200, GREEN))
    write_post(
        root, "alpha", 'title: "The first post"\ndate: 2026-01-02\ncategories: [basics]\ndescription: "A start."',
        md("## Begin\n\nHello from alpha."), code("plot()", picture(200, 120, RED)),
    )  # fmt: skip
    write_post(
        root, "beta", 'title: "Guidance without classifiers"\ndate: 2026-02-03\ncategories: [guidance, sampling]\n'
        'description: "One network, two predictions, and a scale that trades diversity for fidelity."',
        md("Only prose."), code("plot()", picture(300, 220, BLUE)),
    )  # fmt: skip
    return root


if __name__ == "__main__":
    write_tour(Path(sys.argv[1]))
