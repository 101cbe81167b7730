#!/usr/bin/env python3
"""What the service says a picture is known by, against others' code: PDQ by `pdqhash`, which wraps Meta's own; the ISCC image
code by `iscc-core`, the standard's reference, from pixels that `iscc-sdk` prepares with Pillow, and by `iscc-sdk` whole.

    likeness.py BASE_URL WORKS_ZIP [--count N] [--swapped]

N of the shipped works are handed in (300 unless told), every third once more in another size. Each hash must be the same, bit
by bit, and so must PDQ's quality. With `--swapped` every answer is held against the next picture: it must be refused.
"""

import argparse
import io
import json
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile

import iscc_core
import iscc_sdk
import numpy
import pdqhash
from loguru import logger
from PIL import Image

# The kit tells every step.
logger.remove()

OTHER_SIZE = (301, 187)


def asked(base, picture):
    """The answer of the service."""
    headers = {"content-type": "image/png", "accept": "application/json"}
    request = urllib.request.Request(f"{base}/api/v1/likeness", picture, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"refused: the service answers {error.code}: {error.read().decode(errors='replace')[:300]}")


def reference(picture):
    """PDQ, its quality, ISCC by the reference and by the kit."""
    image = Image.open(io.BytesIO(picture))
    # On white, as a picture with transparency is looked at.
    pixels = numpy.asarray(iscc_sdk.image_fill_transparency(image).convert("RGB"))
    bits, quality = pdqhash.compute(pixels)
    prepared = list(iscc_sdk.image_normalize(image))
    code = iscc_core.gen_image_code_v0(prepared, bits=256)["iscc"]
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(picture)
        file.flush()
        whole = iscc_sdk.code_image(file.name, bits=256, extract_meta=False, create_thumb=False).iscc
    return numpy.packbits(bits).tobytes().hex(), int(quality), code, whole


def pictures(path, count):
    """Name and bytes: works evenly chosen, every third in another size too."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        chosen = [names[n * len(names) // count] for n in range(min(count, len(names)))]
        for n, name in enumerate(chosen):
            picture = archive.read(name)
            yield name, picture
            if n % 3 == 0:
                larger = io.BytesIO()
                image = iscc_sdk.image_fill_transparency(Image.open(io.BytesIO(picture)))
                image.resize(OTHER_SIZE, Image.Resampling.BICUBIC).save(larger, "png")
                yield f"{name} at {OTHER_SIZE[0]}×{OTHER_SIZE[1]}", larger.getvalue()


def main():
    """0 all the same, 1 refused."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base")
    parser.add_argument("works")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--swapped", action="store_true")
    given = parser.parse_args()
    judged = list(pictures(given.works, given.count))
    if not judged:
        sys.exit("refused: no pictures")
    asked_of = judged[1:] + judged[:1] if given.swapped else judged
    wrong = []
    for (name, picture), (_, handed_in) in zip(judged, asked_of):
        said = asked(given.base, handed_in)
        pdq, quality, code, whole = reference(picture)
        for what, ours, theirs in (
            ("PDQ", said["pdq"]["hash"], pdq),
            ("PDQ's quality", said["pdq"]["quality"], quality),
            ("ISCC by iscc-core", said["iscc"], code),
            ("ISCC by iscc-sdk", said["iscc"], whole),
        ):
            if ours != theirs:
                wrong.append(f"{name}: {what} is {ours}, and should be {theirs}")
    if wrong:
        print("\n".join(wrong[:20]))
        sys.exit(f"refused: {len(wrong)} answers differ, of {len(judged)} pictures")
    print(f"= {len(judged)} pictures, the same bits")


if __name__ == "__main__":
    main()
