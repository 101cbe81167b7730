"""How far an adapter moves pictures towards the works it learnt from.

    towards.py WORKS WITHOUT WITH      folders of PNG: the works; pictures of some prompts without the adapter; the same prompts and seeds with it

Each picture is described by what a hand shows in: how often each of 64 colours occurs in the drawing (paper left out), how strong its edges
are, and how much of the sheet is paper. Printed: the mean distance of the pictures to the works' centre, without and with the adapter, how
many of the pictures came nearer, and as a scale how far the works themselves lie from it.

Packages: numpy, pillow.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 128


def description(path):
    rgb = np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.LANCZOS), np.float64)
    paper = (rgb > 244).all(2)
    bins = (rgb // 64).astype(int)
    colours = np.bincount((bins[..., 0] * 16 + bins[..., 1] * 4 + bins[..., 2])[~paper], minlength=64)
    grey = rgb.mean(2)
    slope = np.hypot(*np.gradient(grey))
    edges = np.histogram(slope, bins=[2, 8, 16, 32, 64, 128, 256])[0]
    share = lambda counts: np.sqrt(counts / max(1, counts.sum()))
    return np.concatenate([share(colours), share(edges), [paper.mean()]])


def main():
    works, without, with_it = (np.stack([description(p) for p in sorted(Path(f).glob("*.png"))]) for f in sys.argv[1:4])
    centre = works.mean(0)
    far = lambda those: np.linalg.norm(those - centre, axis=1)
    before, after = far(without), far(with_it)
    print(f"works {far(works).mean():.3f}; pictures without {before.mean():.3f}, with {after.mean():.3f}; nearer {int((after < before).sum())} of {len(after)}")


if __name__ == "__main__":
    main()
