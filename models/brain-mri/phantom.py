"""Draws synthetic axial brain slices, so that the demo has an image to show.

    python3 phantom.py --out phantoms

No patient stands behind them: skull, brain, folds, ventricles and a bright FLAIR
abnormality are ellipses and smoothed noise from a fixed seed. Channels as in the data
that the model was trained on: pre-contrast, FLAIR, post-contrast. Each NAME.png comes
with NAME_truth.png, the drawn abnormality. They show that the path works; they say
nothing about how good the model is.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 256
Y, X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def smooth(field, passes):
    for _ in range(passes):
        for axis in (0, 1):
            field = (np.roll(field, 1, axis) + 2 * field + np.roll(field, -1, axis)) / 4
    return field


def texture(rng, passes):
    field = smooth(rng.standard_normal((SIDE, SIDE)).astype(np.float32), passes)
    return field / np.abs(field).max()


def ellipse(cx, cy, rx, ry, angle=0.0, wobble=None):
    """Signed: below 1 inside. `wobble` bends the border."""
    c, s = np.cos(angle), np.sin(angle)
    u, v = (X - cx) * c + (Y - cy) * s, -(X - cx) * s + (Y - cy) * c
    r = np.sqrt((u / rx) ** 2 + (v / ry) ** 2)
    return r if wobble is None else r + wobble


def inside(r, softness=0.03):
    return 1 / (1 + np.exp(np.clip((r - 1) / softness, -30, 30)))


def draw(seed, lesion):
    """`lesion`: (x, y, radius_x, radius_y) in pixels from the centre, or None."""
    rng = np.random.default_rng(seed)
    cx, cy = 128 + rng.uniform(-4, 4), 130 + rng.uniform(-4, 4)
    rx, ry = 76 + rng.uniform(-4, 4), 96 + rng.uniform(-4, 4)
    bend = 0.02 * texture(rng, 60)
    scalp = inside(ellipse(cx, cy, rx, ry, 0, bend)) - inside(ellipse(cx, cy, rx - 6, ry - 6, 0, bend))
    brain = inside(ellipse(cx, cy, rx - 13, ry - 13, 0, bend + 0.02 * texture(rng, 12)))
    depth = ellipse(cx, cy, rx - 13, ry - 13)
    folds = np.clip(np.abs(texture(rng, 14)) * 7, 0, 1)
    sulci = brain * (1 - folds) * np.clip((depth - 0.62) * 4, 0, 1)
    midline = np.exp(-(((X - cx) / 1.6) ** 2)) * inside(np.abs(Y - cy) / (ry - 20)) * (np.abs(Y - cy) > 22)
    side = [inside(ellipse(cx + k * 12, cy - 4, 5, 20, k * 0.25), 0.1) for k in (-1, 1)]
    fluid = np.clip(sulci * 0.9 + midline * 0.8 + side[0] + side[1], 0, 1) * brain
    white = inside(ellipse(cx, cy, (rx - 13) * 0.72, (ry - 13) * 0.75, 0, 0.25 * texture(rng, 18)), 0.08)
    truth = np.zeros_like(X)
    if lesion:
        lx, ly, a, b = lesion
        truth = inside(ellipse(cx + lx, cy + ly, a, b, rng.uniform(0, 3), 0.35 * texture(rng, 22)), 0.06) * (brain > 0.5)
    grain = [1 + 0.05 * texture(rng, 1) + 0.07 * texture(rng, 40) for _ in range(3)]
    tissue = brain * (1 - fluid)
    pre = tissue * (62 + 14 * white - 12 * truth) + fluid * 16 + scalp * 150
    flair = tissue * (70 - 8 * white) * (1 - truth) + fluid * (1 - truth) * 12 + truth * (128 + 10 * texture(rng, 6)) + scalp * 130
    post = tissue * (64 + 12 * white - 6 * truth) + fluid * 18 + scalp * 150 + midline * brain * 40
    image = np.stack([c * g for c, g in zip((pre, flair, post), grain)], axis=2)
    image += rng.normal(0, 1.2, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), truth > 0.5


PHANTOMS = {
    "phantom-1": (11, (-30, -22, 22, 17)),
    "phantom-2": (12, (32, 18, 17, 24)),
    "phantom-healthy": (13, None),
}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--out", default="phantoms")
    out = Path(args.parse_args().out)
    out.mkdir(parents=True, exist_ok=True)
    for name, (seed, lesion) in PHANTOMS.items():
        image, truth = draw(seed, lesion)
        Image.fromarray(image).save(out / f"{name}.png", optimize=True)
        Image.fromarray(truth).convert("1").save(out / f"{name}_truth.png", optimize=True)


if __name__ == "__main__":
    main()
