"""Measures the committed ONNX on the validation patients, as its user would run it.

    python3 evaluate.py --data FOLDER [--model brain-mri.onnx]

Each slice alone, documented preprocessing, threshold 0.5; Dice over all slices of a
patient together (Buda et al. 2019). Prints a table for the model card.
"""

import argparse

import numpy as np
import onnxruntime
from data import Slices, normalise


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", required=True)
    args.add_argument("--model", default="brain-mri.onnx")
    args = args.parse_args()
    session = onnxruntime.InferenceSession(args.model, providers=["CPUExecutionProvider"])
    part = Slices(args.data, "val")
    sums = {}
    for image, mask, patient in zip(part.images, part.masks, part.patients):
        x = normalise(image).transpose(2, 0, 1)[None]
        p = session.run(["probability"], {"image": np.ascontiguousarray(x)})[0][0, 0] > 0.5
        s = sums.setdefault(patient, [0, 0, 0, 0])
        for i, v in enumerate(((p & mask).sum(), p.sum(), mask.sum(), p.sum() if not mask.any() else 0)):
            s[i] += int(v)
    print("| patient | Dice | true pixels | found pixels | found on slices without abnormality |\n|---|---|---|---|---|")
    scores = {n: 2 * s[0] / max(s[1] + s[2], 1) for n, s in sums.items()}
    for name in sorted(scores, key=scores.get):
        s = sums[name]
        print(f"| {name} | {scores[name]:.3f} | {s[2]} | {s[1]} | {s[3]} |")
    values = list(scores.values())
    print(f"\nmean per patient {np.mean(values):.4f}, median {np.median(values):.4f}, lowest {min(values):.4f}")
    total = np.sum(list(sums.values()), axis=0)
    print(f"all slices together {2 * total[0] / (total[1] + total[2]):.4f}")


if __name__ == "__main__":
    main()
