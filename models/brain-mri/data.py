"""Slices and masks from disk, and the augmentation they see in training."""

import csv
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

FLAIR = 1
TISSUE_LEVEL = 20  # grey level of 255 above which a pixel counts as tissue
TISSUE_SHARE_MIN = 0.01  # slices with less tissue are left out of training


def normalise(image):
    """Documented preprocessing: per channel of one slice, mean 0 and deviation 1."""
    x = image.astype(np.float32)
    mean = x.mean(axis=(0, 1), keepdims=True)
    deviation = x.std(axis=(0, 1), keepdims=True)
    return (x - mean) / np.maximum(deviation, 1e-3)


class Slices:
    """One part ("train" or "val") in memory: images uint8 [N,256,256,3], masks bool."""

    def __init__(self, root, part):
        root = Path(root)
        with open(root / "slices.csv", newline="") as f:
            rows = [r for r in csv.DictReader(f) if r["part"] == part]
        self.patients = [r["patient"] for r in rows]
        self.images = np.empty((len(rows), 256, 256, 3), np.uint8)
        self.masks = np.zeros((len(rows), 256, 256), bool)
        for i, r in enumerate(rows):
            folder = root / part / r["patient"]
            name = f"{int(r['slice']):02d}"
            self.images[i] = np.asarray(Image.open(folder / f"{name}.jpg").convert("RGB"))
            mask = folder / f"{name}_mask.png"
            if mask.exists():
                self.masks[i] = np.asarray(Image.open(mask).convert("1"))
        share = (self.images.max(axis=3) > TISSUE_LEVEL).mean(axis=(1, 2))
        self.tissue = np.flatnonzero(share >= TISSUE_SHARE_MIN)
        tumour = self.masks.any(axis=(1, 2))
        self.with_tumour = np.flatnonzero(tumour)
        self.without = np.array([i for i in self.tissue if not tumour[i]])

    def batch(self, indices):
        x = np.stack([normalise(self.images[i]) for i in indices]).transpose(0, 3, 1, 2)
        y = self.masks[indices][:, None].astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y)


def _uniform(n, low, high):
    return torch.empty(n).uniform_(low, high)


def _geometry(x, y, size):
    """Rotation, scale, shift, mirror; resampled to `size` pixels a side."""
    n = x.shape[0]
    angle = _uniform(n, -math.pi / 9, math.pi / 9)
    scale = _uniform(n, 0.85, 1.2)
    mirror = torch.where(torch.rand(n) < 0.5, 1.0, -1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack(
        [
            torch.stack([cos * mirror, -sin, _uniform(n, -0.08, 0.08)], 1),
            torch.stack([sin * mirror, cos, _uniform(n, -0.08, 0.08)], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    y = F.grid_sample(y, grid, padding_mode="zeros", align_corners=False)
    return x, (y > 0.5).float()


def _intensity(x):
    """Gain and offset per channel, a missing sequence replaced by FLAIR, blur, noise."""
    n = x.shape[0]
    x = x * _uniform((n, 3, 1, 1), 0.8, 1.25) + _uniform((n, 3, 1, 1), -0.2, 0.2)
    for channel in (0, 2):
        gone = torch.rand(n) < 0.08
        x[gone, channel] = x[gone, FLAIR]
    soft = torch.rand(n) < 0.15
    if soft.any():
        x[soft] = F.avg_pool2d(x[soft], 3, stride=1, padding=1)
    noisy = torch.rand(n) < 0.15
    if noisy.any():
        x[noisy] = x[noisy] + 0.1 * torch.randn_like(x[noisy])
    return x


def augment(x, y, size, crop):
    """`size`: side after resampling; `crop`: side of the random window kept of it."""
    x, y = _geometry(x, y, size)
    if crop < size:
        # Windows near the centre: the corners of a slice are air.
        low, high = (size - crop) // 4, (size - crop) - (size - crop) // 4
        top, left = (int(torch.randint(low, high + 1, ())) for _ in range(2))
        x = x[:, :, top : top + crop, left : left + crop]
        y = y[:, :, top : top + crop, left : left + crop]
    return _intensity(x), y
