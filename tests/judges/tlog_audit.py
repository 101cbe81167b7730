#!/usr/bin/env python3
"""Checks everything that a tlog-tiles log (a folder or an address) serves, with aics-tlog: other people's code, in another language.

    tlog_audit.py LOG VKEYFILE

Everything is checked by aics-tlog (Apache-2.0), which shares no code with the Go project's nor with transparency-dev's; what is here
only says what to check:

- the checkpoint is a signed note of the log's key, and its origin is the key's name
- the tiles at the right edge lead to its root, every full tile is what its parent says, and every bundle what its level 0 tile says
- inclusion and consistency proofs, made from the tiles, verify (RFC 9162, 2.1.3.2 and 2.1.4.2)

Ends with `OK <origin> <size> …` and 0, or `FAIL <why>` and 1. It asks for Python 3.12, and runs on 3.11 just as well:
`pip install --no-deps --ignore-requires-python aics-tlog==0.2.1`.
"""

import random
import sys
from pathlib import Path

from aics_tlog import (
    HttpTileReader,
    VerifiedTileReader,
    audit_tiles,
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    parse_note,
    verify_checkpoint,
    verify_consistency,
    verify_leaf_inclusion,
)
from aics_tlog.note import read_vkey_file
from aics_tlog.remote import tile_source_url
from aics_tlog.tiles import TileMissingError, TileUnavailableError, TileVerificationError, tree_root_from_tiles

WIDE = 256
# Bundles whose entries one reader may keep in memory.
AT_ONCE = 256


class Refused(Exception):
    """The log is not what its checkpoint says."""


def need(holds, why):
    """Refuses, with the reason, unless it holds."""
    if not holds:
        raise Refused(why)


def places(limit):
    """A dozen numbers below a limit: both ends, both sides of where tiles end, some by chance. (A proof takes aics-tlog time that grows
    with the log: it hashes half of it.)"""
    at = [0, 255, 256, limit // 3, limit // WIDE * WIDE, limit // WIDE**2 * WIDE**2 - 1, limit - 2, limit - 1]
    chance = random.Random(limit)
    return sorted({n for n in at if 0 <= n < limit} | {chance.randrange(limit) for _ in range(4) if limit})


def check(log, vkey):
    """What was checked, in words."""
    key = read_vkey_file(vkey)
    source = HttpTileReader([tile_source_url(log)], proxies={})
    head = verify_checkpoint(parse_note(source.read_checkpoint()), key, expected_origin=key.name)
    need(head.ok, f"checkpoint: {head.error}")

    audit = audit_tiles(source, head.size, head.root, entries=False)
    bundles = -(-head.size // WIDE)
    leaves = places(head.size)
    for first in range(0, bundles, AT_ONCE):
        reader = VerifiedTileReader(source, head.size, head.root)
        for n in range(first, min(first + AT_ONCE, bundles)):
            width = min(WIDE, head.size - n * WIDE)
            need(reader.read_entry_bundle(n, width if width < WIDE else None) is not None, f"there is no bundle {n}")

    reader = VerifiedTileReader(source, head.size, head.root)
    for index in leaves:
        path = inclusion_proof_from_tiles(reader, index, head.size)
        need(verify_leaf_inclusion(reader.entry(index), index, head.size, path, head.root), f"inclusion of entry {index}")
    sizes = places(head.size + 1)[1:]
    for size in sizes:
        path = consistency_proof_from_tiles(reader, size, head.size)
        earlier = tree_root_from_tiles(reader, size, head.size)
        need(verify_consistency(size, head.size, earlier, head.root, path), f"consistency with size {size}")
    return f"{head.origin} {head.size}: {audit.tiles} tiles, {bundles} bundles, {len(leaves)} inclusions, {len(sizes)} consistencies"


def main(args):
    """Judges a log; prints one line."""
    if len(args) != 2:
        sys.exit(__doc__)
    try:
        print("OK", check(args[0], Path(args[1]).read_text("utf-8")))
    except (Refused, TileMissingError, TileUnavailableError, TileVerificationError, ValueError) as error:
        print("FAIL", error)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
