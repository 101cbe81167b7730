#!/usr/bin/env python3
"""Changes one bit of a log at a time, and demands that a judge refuses each changed copy.

    flips.py LOG VKEYFILE [--seed N] [--rounds N] [--earlier] -- JUDGE…

LOG is the folder of a tlog-tiles log. `JUDGE… COPY VKEYFILE` must accept a copy of it, unchanged, before and after; and must end with 1
and say FAIL for a copy with one bit flipped, at a place taken by chance: a judge that breaks has not refused. Flipped are

- the checkpoint: each of its three lines, its ends of lines, the log's signature line: dash, name, key's id, signature, last letter
- the first, a middle and the last full tile of each level, and every partial tile
- the same of the entry bundles: in each the length of an entry, and an entry

--rounds repeats all of it with other places; --earlier flips partial tiles of earlier sizes too, for judges that look at them.
Ends with 1 if a changed copy was accepted. LOG itself is never written to.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDE = 256


def link_or_copy(source, target):
    """The same file under another name; where that can't be, a copy of it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def widths(size):
    """{level: (full tiles, hashes in the partial one)} for a tree of that size; level None is that of the bundles."""
    found = {None: (size // WIDE, size % WIDE)}
    level = 0
    while size >> 8 * level:
        found[level] = (size >> 8 * level + 8, (size >> 8 * level) % WIDE)
        level += 1
    return found


def tile_path(level, n, width):
    """Where tlog-tiles puts a tile, or a bundle."""
    digits = f"{n:0{-(-len(str(n)) // 3) * 3}d}"
    parts = re.findall(r"\d{3}", digits)
    name = "entries" if level is None else level
    return f"tile/{name}/" + "/".join(["x" + p for p in parts[:-1]] + parts[-1:]) + (f".p/{width}" if width < WIDE else "")


def entries(bundle):
    """[(offset, length)] of the entries of a bundle, without the two bytes that say the length."""
    found, at = [], 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at:at + 2], "big")
        found.append((at + 2, length))
        at += 2 + length
    return found


def checkpoint_places(data, vkey):
    """(what, first byte, byte after the last) of each part of a checkpoint. Other people's signatures are not the log's to keep."""
    name = vkey.split("+")[0]
    lines, at = [], 0
    for line in data.split(b"\n")[:-1]:
        lines.append((line, at))
        at += len(line) + 1
    for what, (line, start) in zip(["origin", "size", "root"], lines):
        yield what, start, start + len(line)
        yield f"end of {what}", start + len(line), start + len(line) + 1
    blank = next(start for line, start in lines if not line)
    yield "blank line", blank, blank + 1
    for line, start in lines:
        if line.startswith(f"\u2014 {name} ".encode()):
            blob = start + line.rindex(b" ") + 1
            end = start + len(line)
            yield "dash", start, start + 4
            yield "name", start + 4, blob
            yield "key id", blob, blob + 5
            yield "signature", blob + 6, end
            yield "signature", blob + 6, end
            yield "last letter", max(i for i in range(blob, end) if data[i:i + 1] != b"="), end
            yield "end of signature", end, end + 1
            return
    sys.exit("the checkpoint has no signature line of this key's name")


def places(log, vkey, chance, earlier):
    """(what, path, offset of the byte, bit)"""
    checkpoint = (log / "checkpoint").read_bytes()
    for what, first, after in checkpoint_places(checkpoint, vkey):
        yield f"checkpoint, {what}", "checkpoint", chance.randrange(first, after), chance.randrange(8)
    size = int(checkpoint.split(b"\n")[1])
    for level, (full, partial) in widths(size).items():
        chosen = [(which, tile_path(level, n, WIDE)) for which, n in [("first", 0), ("middle", full // 2), ("last", full - 1)] if full]
        if partial:
            chosen.append(("partial", tile_path(level, full, partial)))
        if earlier:
            folder = log / "tile" / str("entries" if level is None else level)
            chosen += [("earlier", path.relative_to(log).as_posix()) for path in sorted(folder.rglob("*.p/*"))]
        named = {}
        for which, path in chosen:
            named.setdefault(path, which)
        for path, which in named.items():
            data = (log / path).read_bytes()
            if level is not None:
                yield f"level {level}, {which} tile", path, chance.randrange(len(data)), chance.randrange(8)
                continue
            start, length = chance.choice([e for e in entries(data) if e[1]])
            yield f"bundle, {which}, a length", path, start - 2 + chance.randrange(2), chance.randrange(8)
            yield f"bundle, {which}, an entry", path, start + chance.randrange(length), chance.randrange(8)


def main():
    """Judges a judge; prints one line."""
    args, judge = sys.argv[1:], []
    if "--" in args:
        args, judge = args[:args.index("--")], args[args.index("--") + 1:]
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("vkeyfile", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--earlier", action="store_true")
    args = parser.parse_args(args)
    if not judge:
        parser.error("no judge is named")
    log, vkey = args.log.resolve(), args.vkeyfile.read_text("utf-8").strip()
    chance = random.Random(args.seed)

    with tempfile.TemporaryDirectory(prefix="flips.", dir=log.parent if os.access(log.parent, os.W_OK) else None) as folder:
        copy = Path(folder, "log")
        shutil.copytree(log, copy, copy_function=link_or_copy)

        def asked():
            return subprocess.run([*judge, str(copy), str(args.vkeyfile)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

        def accepts(when):
            said = asked()
            if said.returncode:
                sys.exit(f"the judge does not accept the log {when}: {said.returncode}: {said.stdout[-2000:]}")

        accepts("as it is")
        flips, wrong = 0, []
        for _ in range(args.rounds):
            for what, path, offset, bit in places(log, vkey, chance, args.earlier):
                data = bytearray((log / path).read_bytes())
                data[offset] ^= 1 << bit
                # Never through the link: that would change the log itself.
                (copy / path).unlink()
                (copy / path).write_bytes(data)
                said = asked()
                (copy / path).unlink()
                link_or_copy(log / path, copy / path)
                flips += 1
                if said.returncode != 1 or "FAIL" not in said.stdout:
                    how = "accepted" if said.returncode == 0 else f"broke with {said.returncode}"
                    wrong.append(f"{how}: {what}: {path}, byte {offset}, bit {bit}: {said.stdout.strip()[-300:]}")
        accepts("restored")
    for line in wrong:
        print(line)
    print(f"{flips - len(wrong)} of {flips} flips refused")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
