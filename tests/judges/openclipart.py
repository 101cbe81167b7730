#!/usr/bin/env python3
"""Compares what was registered of the Open Clip Art Library with what its files say, read here by other code.

    openclipart.py FOLDER REPORT.csv BASE_URL

Every file of FOLDER must be a row of the report; every work must have the file's hash, title, authors and licence; what a file does not say
must be on record as unknown. Written from RDF/XML alone, with Python's own parser.
"""

import csv
import hashlib
import json
import os
import sys
import unicodedata
import urllib.request
import xml.etree.ElementTree as ET

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
LICENCES = {
    "http://web.resource.org/cc/PublicDomain": "public-domain",
    "Public Domain": "public-domain",
    "http://creativecommons.org/licenses/publicdomain/": "CC-PDDC",
    "http://creativecommons.org/licenses/GPL/2.0/": "GPL-2.0-only",
}
NOBODY = {"", "unknown", "anonymous", "none", "n/a"}


def local(node):
    """The name of an element without its namespace: the files bind many."""
    return node.tag.rsplit("}", 1)[-1]


def words(node):
    """The text of an element, white space folded, without control characters: no record holds those."""
    return "".join(c for c in " ".join("".join(node.itertext()).split()) if unicodedata.category(c) != "Cc")


def says(path):
    """Title, authors and licences in a file's own record."""
    titles, authors, licences = [], [], []
    for work in (e for e in ET.parse(path).iter() if local(e) == "Work"):
        for child in work:
            if local(child) == "title" and words(child):
                titles.append(words(child))
            elif local(child) == "creator":
                named = [e for e in child.iter() if local(e) == "title"]
                name = words(named[0]) if named else words(child)
                if name.lower() not in NOBODY:
                    authors.append(name)
            elif local(child) == "license":
                licences.append(child.get(RDF + "resource") or "")
    unique = lambda items: list(dict.fromkeys(items))
    return titles, unique(authors), unique(LICENCES[l] for l in licences if l)


def works(base):
    """Every work, page by page."""
    after = ""
    while True:
        with urllib.request.urlopen(f"{base}/api/v1/works?limit=200&after={after}") as reply:
            page = json.load(reply)
        yield from page["items"]
        if not page["next"]:
            return
        after = page["next"]


def main(folder, report, base):
    files = sorted(
        os.path.relpath(os.path.join(top, name), folder) for top, _, names in os.walk(folder) for name in names if name.endswith(".svg")
    )
    rows = {row["item"]: row for row in csv.DictReader(open(report, newline="", encoding="utf-8"))}
    wrong = [f"{name} is no row" for name in files if name not in rows] + [f"{name} is no file" for name in rows if name not in files]
    registered = {work["id"]: work for work in works(base)}
    count = {"registered": 0, "known": 0}
    licences, authors = {}, set()
    for name in files:
        row = rows.get(name)
        if row is None:
            continue
        work = registered.get(row["work"])
        if row["outcome"] not in count or work is None:
            wrong.append(f"{name}: {row['outcome']} {row['note']}")
            continue
        count[row["outcome"]] += 1
        path = os.path.join(folder, name)
        digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
        titles, names, marks = says(path)
        expected = {
            "sha256": digest,
            "author": " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "unknown",
            "licence": " AND ".join(marks) or None,
        }
        grants = work["grants"]
        found = {
            "sha256": work["digest"]["sha256"],
            "author": work["author"],
            "licence": grants[0]["licence"] if grants else None,
        }
        if titles and row["outcome"] == "registered":
            expected["title"], found["title"] = titles[0][:300], work["title"]
        if grants and not names:
            expected["concluded"], found["concluded"] = "NOASSERTION", grants[0].get("concluded", {}).get("licence")
        wrong += [f"{name}: {key} is {found[key]!r}, the file says {expected[key]!r}" for key in expected if expected[key] != found[key]]
        licences[expected["licence"]] = licences.get(expected["licence"], 0) + 1
        authors.add(expected["author"])
    if wrong:
        print(*wrong[:20], f"{len(wrong)} in all", sep="\n")
        return 1
    by = ", ".join(f"{n} {licence or 'none named'}" for licence, n in sorted(licences.items(), key=lambda item: -item[1]))
    print(f"= {len(files)} files, {count['registered']} works and {count['known']} second names, {len(authors)} authors; {by}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
