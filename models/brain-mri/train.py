"""Trains the compact U-Net, measures it on the validation patients, writes weights.

    python3 train.py --data FOLDER --out weights.pt [--threads N] [--seed N]

The schedule is fixed in advance and the last weights (their moving average) are kept:
no checkpoint is chosen on the validation patients, so their figures are not selected.
"""

import argparse
import copy
import json
import time

import numpy as np
import torch
from data import Slices, augment
from torch.nn import functional as F
from unet import CompactUNet

BATCH = 16
SLICES_PER_EPOCH = 1200
TUMOUR_SHARE = 0.65
# (epochs, side after resampling, side of the random crop)
STAGES = ((36, 128, 128), (30, 256, 192))
RATE_PEAK = (3e-3, 1.5e-3)
EMA_DECAY = 0.995
EVALUATE_EVERY = 6


def loss_of(logits, truth):
    """Cross-entropy, Dice over the batch, and Dice of each slice that has a tumour."""
    p = torch.sigmoid(logits)
    cross = F.binary_cross_entropy_with_logits(logits, truth)
    batch = 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
    has = truth.sum((1, 2, 3)) > 0
    if not has.any():
        return cross + batch
    both = (p * truth).sum((1, 2, 3))[has]
    total = (p.sum((1, 2, 3)) + truth.sum((1, 2, 3)))[has]
    each = (1 - (2 * both + 1) / (total + 1)).mean()
    return cross + 0.6 * batch + 0.4 * each


@torch.no_grad()
def dice_by_patient(net, part, threshold=0.5):
    """Dice over all slices of a patient together, as in Buda et al. 2019."""
    net.eval()
    sums = {}
    for start in range(0, len(part.patients), BATCH):
        rows = np.arange(start, min(start + BATCH, len(part.patients)))
        x, y = part.batch(rows)
        p = torch.sigmoid(net(x.to(memory_format=torch.channels_last))) > threshold
        t = y > 0.5
        for k, row in enumerate(rows):
            s = sums.setdefault(part.patients[row], [0, 0])
            s[0] += 2 * int((p[k] & t[k]).sum())
            s[1] += int(p[k].sum()) + int(t[k].sum())
    return {name: (a / b if b else 1.0) for name, (a, b) in sums.items()}


def epoch_indices(part, rng):
    tumour = int(SLICES_PER_EPOCH * TUMOUR_SHARE)
    a = rng.choice(part.with_tumour, tumour, replace=tumour > len(part.with_tumour))
    b = rng.choice(part.without, SLICES_PER_EPOCH - tumour, replace=False)
    return rng.permutation(np.concatenate([a, b]))


def train(net, part, val, rng, log):
    ema = copy.deepcopy(net)
    number = 0
    for (epochs, size, crop), peak in zip(STAGES, RATE_PEAK):
        steps = epochs * (SLICES_PER_EPOCH // BATCH)
        optimiser = torch.optim.AdamW(net.parameters(), lr=peak, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, peak, total_steps=steps, pct_start=0.15, cycle_momentum=False
        )
        for _ in range(epochs):
            net.train()
            began, losses = time.time(), []
            order = epoch_indices(part, rng)
            for start in range(0, len(order) - BATCH + 1, BATCH):
                x, y = augment(*part.batch(order[start : start + BATCH]), size, crop)
                loss = loss_of(net(x.contiguous(memory_format=torch.channels_last)), y)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                losses.append(loss.item())
                with torch.no_grad():
                    for a, b in zip(ema.state_dict().values(), net.state_dict().values()):
                        if a.dtype.is_floating_point:
                            a.lerp_(b, 1 - EMA_DECAY)
                        else:
                            a.copy_(b)
            number += 1
            entry = {"epoch": number, "size": size, "loss": round(float(np.mean(losses)), 4),
                     "seconds": round(time.time() - began, 1)}
            if number % EVALUATE_EVERY == 0:
                entry["val_dice"] = round(float(np.mean(list(dice_by_patient(ema, val).values()))), 4)
                torch.save(ema.state_dict(), log + ".partial.pt")
            print(json.dumps(entry), flush=True)
    return ema


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seed", type=int, default=7)
    args = args.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(args.seed)
    net = CompactUNet().to(memory_format=torch.channels_last)
    part, val = Slices(args.data, "train"), Slices(args.data, "val")
    print(json.dumps({"train": len(part.patients), "tumour": len(part.with_tumour), "val": len(val.patients)}), flush=True)
    best = train(net, part, val, rng, args.out)
    torch.save(best.state_dict(), args.out)
    by_patient = dice_by_patient(best, val)
    print(json.dumps({"val_dice_mean": float(np.mean(list(by_patient.values()))), "by_patient": by_patient}), flush=True)


if __name__ == "__main__":
    main()
