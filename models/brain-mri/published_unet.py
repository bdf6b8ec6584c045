"""Writes the published 7.76 M-parameter U-Net with random weights, for benchmarks only.

    python3 published_unet.py --out published-unet.onnx

Architecture of Buda, Saha and Mazurowski (2019), as in brain-segmentation-pytorch:
3x256x256 in, 1x256x256 out, 32 features at first, batch normalisation, sigmoid. Its
masks mean nothing; its cost is real (12.07 GMAC an image).
"""

import argparse

import torch
from torch import nn


def block(a, b):
    return nn.Sequential(
        nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
        nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
    )


class PublishedUNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        sizes = [width * 2**i for i in range(5)]
        self.down = nn.ModuleList(block(a, b) for a, b in zip([3, *sizes[:-1]], sizes))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * s, s, 2, stride=2) for s in reversed(sizes[:-1]))
        self.join = nn.ModuleList(block(2 * s, s) for s in reversed(sizes[:-1]))
        self.last = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        skips = []
        for i, down in enumerate(self.down):
            x = down(x if i == 0 else nn.functional.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for up, join in zip(self.up, self.join):
            x = join(torch.cat((up(x), skips.pop()), dim=1))
        return torch.sigmoid(self.last(x))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--out", default="published-unet.onnx")
    out = args.parse_args().out
    torch.manual_seed(0)
    net = PublishedUNet()
    assert sum(p.numel() for p in net.parameters()) == 7_763_041
    with torch.no_grad():  # settle the running statistics, so that activations are sane
        for _ in range(10):
            net(torch.randn(2, 3, 256, 256))
    torch.onnx.export(
        net.eval(), torch.zeros(1, 3, 256, 256), out, opset_version=13,
        input_names=["image"], output_names=["probability"],
        dynamic_axes={"image": {0: "batch"}, "probability": {0: "batch"}},
    )


if __name__ == "__main__":
    main()
