"""The compact U-Net of this folder: shapes in, shapes out, nothing else.

Input  f32 [N, 3, 256, 256]: pre-contrast, FLAIR, post-contrast, each channel of each
slice normalised to mean 0 and standard deviation 1 (see preprocessing in README.md).
Output f32 [N, 1, 256, 256]: probability of FLAIR abnormality for each pixel.

The first convolution halves the resolution and the last one doubles it again, so that
nearly all multiplications happen at 128x128 and below: a quarter of the work of a
U-Net of the same width that starts at full resolution.
"""

import torch
from torch import nn

WIDTHS = (16, 32, 64, 128, 192)


def block(inputs, outputs, dropout=0.0):
    layers = []
    for first in (inputs, outputs):
        layers += [
            nn.Conv2d(first, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    if dropout:
        layers.append(nn.Dropout2d(dropout))
    return nn.Sequential(*layers)


class CompactUNet(nn.Module):
    def __init__(self, widths=WIDTHS):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        pairs = list(zip(widths[:-1], widths[1:]))
        self.first = block(widths[0], widths[0])
        self.down = nn.ModuleList(
            block(a, b, dropout=0.1 if b >= 128 else 0.0) for a, b in pairs
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs))
        self.join = nn.ModuleList(block(2 * a, a) for a, _ in reversed(pairs))
        self.head = nn.Sequential(
            nn.ConvTranspose2d(widths[0], 16, 2, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 1, 3, padding=1),
        )

    def forward(self, x):
        """Logits; `Exported` adds the sigmoid."""
        x = self.first(self.stem(x))
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(nn.functional.max_pool2d(x, 2))
        for up, join in zip(self.up, self.join):
            x = join(torch.cat((up(x), skips.pop()), dim=1))
        return self.head(x)


class Exported(nn.Module):
    """What is committed as ONNX: the mean probability of a slice and its mirror image."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        seen = torch.sigmoid(self.net(image))
        mirrored = torch.sigmoid(self.net(torch.flip(image, (3,))))
        return (seen + torch.flip(mirrored, (3,))) / 2
