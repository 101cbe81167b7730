#!/usr/bin/env python3
"""Checks a receipt (C2SP tlog-proof) by itself, from the text of the specifications: no code of Colophon's, none of a log library.

    tlog_proof.py FILE RECEIPT VKEY LOG

FILE is what the receipt is about, VKEY a file with the log's C2SP verifier key, LOG the address or a folder of the tlog-tiles log
that the entry is read from. Shown, in this order:

- signed-note v1: the checkpoint in the receipt is signed with the log's Ed25519 key, and its origin is the key's name
- tlog-tiles: the entry at the receipt's index is what the log serves there
- RFC 6962 (2.1.1): that entry stands in the signed tree, by the receipt's hashes
- in-toto Statement v1 in a DSSE envelope: the entry's subject is FILE, by SHA-256

With `--controls`, everything is checked again with one thing wrong each time: each must be refused.
"""

import base64
import hashlib
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = 0x01


class Refused(Exception):
    """The receipt does not show what it should."""


def need(holds, why):
    """Refuses, with the reason, unless it holds."""
    if not holds:
        raise Refused(why)


def decoded(text):
    """Standard base64 with padding, in its one form."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused(f"not base64: {text[:40]!r}") from error
    need(base64.b64encode(data).decode() == text, f"not the one base64 form: {text[:40]!r}")
    return data


def read_key(vkey):
    """(name, key id, public key) of a verifier key: `<name>+<hex id>+<base64 of type and key>`."""
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", vkey.strip())
    need(match, "this is not a verifier key")
    name, key_id, encoded = match[1], bytes.fromhex(match[2]), decoded(match[3])
    need(len(encoded) == 33 and encoded[0] == ED25519, "the verifier key is not an Ed25519 key")
    need(hashlib.sha256(name.encode() + b"\n" + encoded).digest()[:4] == key_id, "the verifier key's id is not its key's")
    return name, key_id, encoded[1:]


def open_note(note, key):
    """The text of a signed note, if the key signed it. Lines by unknown keys are passed over, a wrong one by this key is not."""
    name, key_id, public = key
    text, blank, signatures = note.rpartition("\n\n")
    need(blank and signatures.endswith("\n"), "the checkpoint is not a signed note")
    text += "\n"
    signed = False
    for line in signatures.splitlines():
        match = re.fullmatch(r"\u2014 (\S+) (\S+)", line)
        need(match, f"not a signature line: {line[:60]!r}")
        blob = decoded(match[2])
        if match[1] != name or blob[:4] != key_id:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], text.encode())
        except InvalidSignature as error:
            raise Refused("the checkpoint's signature is wrong") from error
        signed = True
    need(signed, "the checkpoint is not signed with this key")
    return text


def read_number(text):
    """A decimal number without leading zeros."""
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text), f"not a decimal number: {text[:40]!r}")
    return int(text)


def read_checkpoint(text):
    """(origin, size, root)."""
    lines = text.split("\n")
    need(len(lines) >= 4 and lines[-1] == "" and lines[0], "the checkpoint has too few lines")
    root = decoded(lines[2])
    need(len(root) == 32, "the root is not 32 bytes")
    return lines[0], read_number(lines[1]), root


def read_receipt(receipt):
    """(index, hashes, signed note)."""
    head, blank, note = receipt.partition("\n\n")
    lines = head.split("\n")
    need(blank and lines.pop(0) == "c2sp.org/tlog-proof@v1", "this is not a tlog-proof of version 1")
    if lines and lines[0].startswith("extra "):
        decoded(lines.pop(0)[len("extra "):])
    need(lines and lines[0].startswith("index "), "the receipt has no index")
    index = read_number(lines.pop(0)[len("index "):])
    path = [decoded(line) for line in lines]
    need(len(path) <= 63 and all(len(h) == 32 for h in path), "the receipt's hashes are not hashes")
    return index, path, note


def root_from(index, size, leaf, path):
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2: the check of the proofs that RFC 6962 defines)."""
    need(index < size, f"entry {index} is not in a tree of {size}")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn > 0, "the proof is too long")
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "the proof is too short")
    return r


def fetch(log, path):
    """The bytes a log serves at a path; none where it has nothing."""
    if "://" not in log:
        file = Path(log, path)
        return file.read_bytes() if file.is_file() else None
    try:
        with urllib.request.urlopen(f"{log.rstrip('/')}/{path}", timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def entry_at(log, index, size):
    """The entry that the log serves at an index, in a tree of that size."""
    n = index // 256
    width = min(256, size - n * 256)
    parts = re.findall(r"\d{3}", f"{n:0{-(-len(str(n)) // 3) * 3}d}")
    full = "tile/entries/" + "/".join(["x" + p for p in parts[:-1]] + parts[-1:])
    bundle = fetch(log, full if width == 256 else f"{full}.p/{width}") or fetch(log, full)
    need(bundle, f"the log serves no entries {full}")
    for _ in range(index % 256):
        bundle = bundle[2 + int.from_bytes(bundle[:2], "big"):]
    length = int.from_bytes(bundle[:2], "big")
    need(len(bundle) >= 2 + length > 2, "the entry bundle ends before this entry")
    return bundle[2:2 + length]


def check(content, receipt, vkey, entry_of):
    """(index, size, origin, predicate type), if the receipt shows that the log holds a statement about this content."""
    key = read_key(vkey)
    index, path, note = read_receipt(receipt)
    origin, size, root = read_checkpoint(open_note(note, key))
    need(origin == key[0], f"the checkpoint is of {origin}, the key of {key[0]}")
    need(index < size, f"entry {index} is not in a tree of {size}")
    entry = entry_of(index, size)
    need(root_from(index, size, hashlib.sha256(b"\x00" + entry).digest(), path) == root, "the entry is not in the signed tree")
    envelope = json.loads(entry)
    need(envelope["payloadType"] == "application/vnd.in-toto+json", "the entry is not an in-toto statement")
    need(envelope["signatures"], "the entry is not signed")
    statement = json.loads(decoded(envelope["payload"]))
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "the entry is not an in-toto Statement v1")
    digest = hashlib.sha256(content).hexdigest()
    need(digest in [s["digest"].get("sha256") for s in statement["subject"]], "the entry is about another file")
    return index, size, origin, statement["predicateType"]


def flipped(data):
    """The bytes with one bit changed in the middle."""
    changed = bytearray(data)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)


def controls(content, receipt, vkey, entry_of):
    """(what is wrong, the arguments of a check that must refuse) for everything a receipt binds."""
    lines = receipt.split("\n")
    for at, line in enumerate(lines):
        if line.startswith("index "):
            index = int(line[len("index "):])
            yield "another index", (content, receipt.replace(line, f"index {index - 1 if index else 1}", 1), vkey, entry_of)
            first = at + 1
    head = "\n".join(lines[first:]).split("\n\n")[0].split("\n")
    for at in range(first, first + len(head)):
        if lines[at]:
            changed = lines[:at] + [base64.b64encode(flipped(decoded(lines[at]))).decode()] + lines[at + 1:]
            yield f"hash {at - first} of the path", (content, "\n".join(changed), vkey, entry_of)
    text, signature = receipt[:-1].rsplit(" ", 1)
    yield "the signature", (content, f"{text} {base64.b64encode(flipped(decoded(signature))).decode()}\n", vkey, entry_of)
    before, _, note = receipt.partition("\n\n")
    note = note.split("\n")
    note[1] = str(int(note[1]) + 1)
    yield "the size", (content, before + "\n\n" + "\n".join(note), vkey, entry_of)
    yield "the file", (flipped(content), receipt, vkey, entry_of)
    yield "the entry", (content, receipt, vkey, lambda i, s: flipped(entry_of(i, s)))
    name, _, encoded = vkey.strip().split("+", 2)
    other = bytes([ED25519]) + flipped(decoded(encoded)[1:])
    other_id = hashlib.sha256(name.encode() + b"\n" + other).hexdigest()[:8]
    yield "the key", (content, receipt, f"{name}+{other_id}+{base64.b64encode(other).decode()}", entry_of)


def main(args):
    """Judges the files named; prints one line."""
    with_controls = "--controls" in args
    args = [a for a in args if a != "--controls"]
    if len(args) != 4:
        sys.exit(__doc__)
    content, receipt, vkey = Path(args[0]).read_bytes(), Path(args[1]).read_text("utf-8"), Path(args[2]).read_text("utf-8")

    def entry_of(index, size):
        return entry_at(args[3], index, size)

    try:
        index, size, origin, kind = check(content, receipt, vkey, entry_of)
    except (Refused, KeyError, ValueError) as error:
        sys.exit(f"{args[1]}: refused: {error!r}" if isinstance(error, KeyError) else f"{args[1]}: refused: {error}")
    said = f"{args[0]}: entry {index} of {size} in {origin}, {kind}"
    if with_controls:
        count = 0
        for what, wrong in controls(content, receipt, vkey, entry_of):
            try:
                check(*wrong)
            except (Refused, KeyError, ValueError):
                count += 1
            else:
                sys.exit(f"{args[1]}: accepted although changed: {what}")
        said += f"; refused with one thing changed, {count} times"
    print(said)


if __name__ == "__main__":
    main(sys.argv[1:])
