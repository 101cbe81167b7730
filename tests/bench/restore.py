#!/usr/bin/env python3
"""Filling of synthetic damage beside OpenCV's, and finding it, over a folder of pictures (PNG).

    restore.py PICTURES PROGRAM [--seed 1] [--jobs 2]

PROGRAM is the bench `restore` as built (`cargo bench --profile dev --bench restore --no-run` names it). Needs numpy, scikit-image and
opencv-python-headless. For each picture five kinds of damage are made by `damage.py`; PSNR in dB and SSIM (Wang et al. 2004, Gaussian window)
are of the damaged pixels alone, and every pixel outside the mask must be as it was.
"""

import argparse
import glob
import os
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np
from damage import KINDS, damage
from skimage.metrics import structural_similarity

cv2.setNumThreads(1)
WAYS = {
    "Telea r3": (cv2.INPAINT_TELEA, 3),
    "Telea r5": (cv2.INPAINT_TELEA, 5),
    "NS r3": (cv2.INPAINT_NS, 3),
    "NS r5": (cv2.INPAINT_NS, 5),
}


def read(path):
    return cv2.imread(path, cv2.IMREAD_COLOR)[..., ::-1].copy()


def quality(true, got, mask):
    on = mask > 0
    error = ((true[on].astype(float) - got[on].astype(float)) ** 2).mean()
    similar = structural_similarity(
        true, got, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1]
    return 10 * np.log10(255**2 / max(error, 0.05)), float(similar[on].mean())


def make(job):
    path, work, seed = job
    name, rgb, out = os.path.basename(path)[:-4], read(path), {}
    for kind in KINDS:
        hurt, mask = damage(rgb, name, kind, seed)
        cv2.imwrite(f"{work}/{name}@{kind}.in.png", hurt[..., ::-1])
        cv2.imwrite(f"{work}/{name}@{kind}.mask.png", mask)
        for way, (flag, radius) in WAYS.items():
            got = cv2.inpaint(hurt[..., ::-1].copy(), mask, radius, flag)[..., ::-1]
            out[f"{name}@{kind}", way] = quality(rgb, got, mask)
    return out


def judge(job):
    path, work, out = job
    name, rgb, got = os.path.basename(path)[:-4], read(path), {}
    for kind in KINDS:
        base = f"{name}@{kind}"
        mask = cv2.imread(f"{work}/{base}.mask.png", 0)
        filled, hurt = read(f"{out}/{base}.fill.png"), read(f"{work}/{base}.in.png")
        assert (filled[mask == 0] == hurt[mask == 0]).all(), f"{base}: changed outside the mask"
        got[base, "ours"] = quality(rgb, filled, mask)
    return got


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    paths = sorted(glob.glob(asked.pictures + "/*.png"))
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(asked.jobs) as pool:
        work, out = folder + "/work", folder + "/out"
        os.makedirs(work), os.makedirs(out)
        found = {}
        for each in pool.map(make, [(p, work, asked.seed) for p in paths]):
            found.update(each)
        subprocess.run([asked.program, "fill", work, out], check=True)
        for each in pool.map(judge, [(p, work, out) for p in paths]):
            found.update(each)
        ways = [*WAYS, "ours"]
        print(f"{len(paths)} pictures\n{'kind':10} " + " ".join(f"{way:>15}" for way in ways) + "   ahead of the best: PSNR  SSIM")
        behind = False
        for kind in [*KINDS, "all"]:
            keys = [base for base, way in found if way == "ours" and (kind == "all" or base.endswith("@" + kind))]
            means = {way: np.mean([found[base, way] for base in keys], axis=0) for way in ways}
            ahead = means["ours"] - np.max([means[way] for way in WAYS], axis=0)
            behind |= bool((ahead <= 0).any())
            print(f"{kind:10} " + " ".join(f"{m[0]:7.2f} {m[1]:.4f} " for m in means.values()) + f"  {ahead[0]:+.2f} dB {ahead[1]:+.4f}")
        subprocess.run([asked.program, "find", work, asked.pictures], check=True)
    if behind:
        raise SystemExit("behind in at least one row")


if __name__ == "__main__":
    main()
