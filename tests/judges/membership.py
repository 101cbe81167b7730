#!/usr/bin/env python3
"""Checks a proof that a work is, or is not, in a dataset, from the text of RFC 6962 alone: no code of Colophon's.

    membership.py PROOF

The dataset's root and number of works are taken from its signed statement, which the receipt in the proof carries; that this statement
stands in the log is what `tlog_proof.py` shows. With `--controls`, everything is checked again with one thing wrong each time: each
must be refused.
"""

import base64
import copy
import hashlib
import json
import sys
from pathlib import Path


class Refused(Exception):
    """The proof does not show what it says."""


def need(holds, why):
    """Refuses, with the reason, unless it holds."""
    if not holds:
        raise Refused(why)


def sha(*parts):
    """SHA-256 of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(member, size):
    """Where a member's hashes lead (RFC 9162, 2.1.3.2)."""
    at, last = member["index"], size - 1
    need(0 <= at <= last, "no such place")
    found = sha(b"\0", member["work"].encode())
    for step in map(bytes.fromhex, member["path"]):
        need(last > 0, "too many hashes")
        if at & 1 or at == last:
            found = sha(b"\1", step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = sha(b"\1", found, step)
        at, last = at >> 1, last >> 1
    need(last == 0, "too few hashes")
    return found


def logged_dataset(receipt):
    """The dataset in the statement that the receipt carries in its `extra` line."""
    extra = next(line for line in receipt.splitlines() if line.startswith("extra "))
    envelope = json.loads(base64.b64decode(extra.removeprefix("extra ")))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    need(statement["predicateType"] == "urn:x-colophon:dataset:v1", "the receipt is not of a dataset")
    return statement["predicate"]["dataset"]


def check(proof):
    """True when the work is in the dataset, False when it is not; refused when neither is shown."""
    dataset, said = logged_dataset(proof["receipt"]), proof["membership"]
    need(proof["dataset"] == dataset and said["dataset"] == dataset["id"], "another dataset")
    size, root = dataset["works"], bytes.fromhex(dataset["root"])
    members = said["members"]
    for member in members:
        need(root_of(member, size) == root, "it leads to another root")
    # Ids are compared as text: their letters stand in the order of their bytes.
    places = [(m["work"], m["index"]) for m in members]
    if said["present"]:
        need([work for work, _ in places] == [said["work"]], "not the work")
        return True
    lower = [i for work, i in places if work < said["work"]]
    upper = [i for work, i in places if work > said["work"]]
    need(len(lower) + len(upper) == len(places) and len(lower) <= 1 and len(upper) <= 1, "not its neighbours")
    before = lower[0] if lower else -1
    after = upper[0] if upper else size
    need(before + 1 == after, "something may lie between")
    return False


def controls(proof):
    """The proof with one thing wrong, each by name."""
    def changed(name, change):
        other = copy.deepcopy(proof)
        change(other)
        return name, other

    said = proof["membership"]
    yield changed("the opposite", lambda p: p["membership"].update(present=not said["present"]))
    other = "work_" + "0" * 26 if said["present"] else said["members"][0]["work"]
    yield changed("another work", lambda p: p["membership"].update(work=other))
    yield changed("another root", lambda p: p["dataset"].update(root="00" * 32))
    for n in range(len(said["members"])):
        yield changed(f"member {n} elsewhere", lambda p: p["membership"]["members"][n].update(index=said["members"][n]["index"] ^ 1))
        yield changed(f"member {n} renamed", lambda p: p["membership"]["members"][n].update(work=said["work"][:-2] + "00"))
        yield changed(f"a hash of member {n}", lambda p: p["membership"]["members"][n]["path"].__setitem__(0, "11" * 32))
        yield changed(f"a hash of member {n} missing", lambda p: p["membership"]["members"][n]["path"].pop())
        yield changed(f"without member {n}", lambda p: p["membership"]["members"].pop(n))


def main():
    """0 shown, 1 refused."""
    arguments = [a for a in sys.argv[1:] if a != "--controls"]
    proof = json.loads(Path(arguments[0]).read_text())
    present = check(proof)
    refused = 0
    if "--controls" in sys.argv:
        for name, wrong in controls(proof):
            try:
                check(wrong)
            except Refused:
                refused += 1
            else:
                raise Refused(f"accepted with {name}")
    said = "is" if present else "is not"
    print(f"= the work {said} in the dataset of {proof['dataset']['works']}; {refused} changed proofs refused")


if __name__ == "__main__":
    try:
        main()
    except Refused as why:
        print(why)
        sys.exit(1)
