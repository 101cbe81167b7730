#!/usr/bin/env python3
"""Real pictures for `restore.py`, from Debian's art packages: photographs, paintings and some clip-art, the longer side 512 pixels.

    restore_pictures.py FOLDER [--most 76]

Downloads gcompris-qt-data (44 MB: CC0, CC-BY, CC-BY-SA, GPL and public domain, told in its copyright file) and two lomiri-wallpapers (27 MB:
CC-BY, CC-BY-SA, CC0), unpacks them without installing, and takes the pictures out: those of gcompris lie in Qt resource files.
"""

import argparse
import glob
import os
import re
import struct
import subprocess
import tempfile

import cv2
import numpy as np

PACKAGES = ["gcompris-qt-data", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04"]


def carved(path):
    """WebP, JPEG and PNG files inside another file, as they lie there."""
    data = open(path, "rb").read()
    for found in re.finditer(rb"RIFF(....)WEBP", data, re.DOTALL):
        yield data[found.start() : found.start() + struct.unpack("<I", found[1])[0] + 8]
    for found in re.finditer(rb"\xff\xd8\xff", data):
        # Qt writes a resource's length before it.
        length = struct.unpack(">I", data[found.start() - 4 : found.start()])[0] if found.start() >= 4 else 0
        if 2_000 < length < 5_000_000:
            yield data[found.start() : found.start() + length]
    for found in re.finditer(rb"\x89PNG\r\n", data):
        yield data[found.start() : data.find(b"IEND", found.start()) + 8]


def pictures(folder):
    for path in sorted(glob.glob(folder + "/usr/share/gcompris-qt/rcc/*.rcc")):
        for n, data in enumerate(carved(path)):
            yield f"{os.path.basename(path)[:-4]}-{n:03d}", cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    for path in sorted(glob.glob(folder + "/usr/share/**/*.jpg", recursive=True)):
        if not os.path.islink(path):
            yield os.path.basename(path)[:-4], cv2.imread(path, cv2.IMREAD_COLOR)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--most", type=int, default=76)
    asked = parser.parse_args()
    os.makedirs(asked.folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        # The downloader drops its rights, and must still be able to write.
        os.chmod(work, 0o777)
        subprocess.run(["apt-get", "download", "-q", *PACKAGES], cwd=work, check=True)
        for package in sorted(glob.glob(work + "/*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, work + "/x"], check=True)
        fit = []
        for name, picture in pictures(work + "/x"):
            if picture is None or max(picture.shape[:2]) < 480 or min(picture.shape[:2]) < 300:
                continue
            # Even grounds and line art say little of filling.
            if cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_64F).std() < 3:
                continue
            fit.append((name, picture))
        kept = [fit[round(i * (len(fit) - 1) / max(asked.most - 1, 1))] for i in range(min(asked.most, len(fit)))]
        for name, picture in kept:
            by = 512 / max(picture.shape[:2])
            size = (round(picture.shape[1] * by), round(picture.shape[0] * by))
            cv2.imwrite(f"{asked.folder}/{name}.png", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        print(f"{len(kept)} of {len(fit)} pictures in {asked.folder}")


if __name__ == "__main__":
    main()
