"""Writes trained weights as ONNX (opset 13, batch normalisation folded, dynamic batch).

    python3 export.py --weights weights.pt --out brain-mri.onnx
"""

import argparse

import torch
from unet import CompactUNet, Exported


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--weights", required=True)
    args.add_argument("--out", default="brain-mri.onnx")
    args = args.parse_args()
    net = CompactUNet()
    net.load_state_dict(torch.load(args.weights))
    torch.onnx.export(
        Exported(net).eval(),
        torch.zeros(1, 3, 256, 256),
        args.out,
        opset_version=13,
        input_names=["image"],
        output_names=["probability"],
        dynamic_axes={"image": {0: "batch"}, "probability": {0: "batch"}},
    )


if __name__ == "__main__":
    main()
