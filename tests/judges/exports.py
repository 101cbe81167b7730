#!/usr/bin/env python3
"""Has each export judged by the validator of its own format, offline.

    exports.py croissant FILE        mlcroissant, by MLCommons: no error, and the table's columns are found
    exports.py cyclonedx FILE        cyclonedx-python-lib, by OWASP CycloneDX: the strict JSON schema of 1.7
    exports.py spdx FILE             spdx-python-model, by the SPDX project: the classes and properties of 3.0.1
    exports.py table FILE CROISSANT  the table has the hash and the columns that its Croissant says

With `--controls` the file is judged again with something wrong in it, and must be refused.
"""

import csv
import hashlib
import io
import json
import logging
import sys
import tempfile
from pathlib import Path


class Refused(Exception):
    """The validator found something."""


def croissant(text):
    """Judges a Croissant document."""
    import mlcroissant

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "croissant.json"
        path.write_text(text)
        try:
            dataset = mlcroissant.Dataset(jsonld=path)
        except mlcroissant.ValidationError as error:
            raise Refused(str(error)) from error
    issues = dataset.metadata.ctx.issues
    if issues.errors:
        raise Refused("; ".join(map(str, issues.errors)))
    fields = [field.name for record_set in dataset.metadata.record_sets for field in record_set.fields]
    if len(fields) < 5:
        raise Refused(f"only {len(fields)} fields were found")
    return f"{len(fields)} fields, {len(issues.warnings)} warnings"


def cyclonedx(text):
    """Judges a CycloneDX document."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_7).validate_str(text)
    if error:
        raise Refused(str(error)[:2000])
    return f"{len(json.loads(text)['components'])} components"


def spdx(text):
    """Judges an SPDX document: every class, property and type is looked up in the model, offline."""
    import io as streams

    from spdx_python_model import v3_0_1

    found = v3_0_1.SHACLObjectSet()
    try:
        v3_0_1.JSONLDDeserializer().read(streams.BytesIO(text.encode()), found)
    except Exception as error:  # noqa: BLE001: the library has no class of errors of its own
        raise Refused(f"{type(error).__name__}: {error}") from error
    missing = found.link()
    if missing:
        raise Refused(f"nothing has the name {sorted(map(str, missing))}")
    models = list(found.foreach_type(v3_0_1.ai_AIPackage))
    datasets = list(found.foreach_type(v3_0_1.dataset_DatasetPackage))
    if len(models) != 1:
        raise Refused(f"{len(models)} models")
    return f"{len(models)} model, {len(datasets)} dataset"


def table(text, described):
    """Compares a table with its Croissant."""
    document = json.loads(Path(described).read_text())
    file = document["distribution"][0]
    if hashlib.sha256(text.encode()).hexdigest() != file["sha256"]:
        raise Refused("another hash than the Croissant says")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    if [f["name"] for f in document["recordSet"][0]["field"]] != list(rows[0]):
        raise Refused("other columns than the Croissant says")
    if not all(row["author"] and row["licence"] and len(row["sha256"]) == 64 for row in rows):
        raise Refused("a row without author, licence or hash")
    return f"{len(rows)} rows"


def spoilt(kind, text):
    """The file with something wrong in it."""
    if kind == "table":
        return text.replace("work_", "werk_", 1)
    document = json.loads(text)
    if kind == "spdx":
        next(e for e in document["@graph"] if e["type"] == "ai_AIPackage")["ai_colour"] = "red"
    elif kind == "croissant":
        document["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "no-such-file"
    else:
        document["metadata"]["component"]["modelCard"]["colour"] = "red"
    return json.dumps(document)


def main():
    """0 valid, 1 refused."""
    logging.disable(logging.WARNING)
    kind, path, *more = [a for a in sys.argv[1:] if a != "--controls"]
    judge = {"croissant": croissant, "cyclonedx": cyclonedx, "spdx": spdx, "table": table}[kind]
    # As it was sent: a table's line ends are part of its hash.
    text = Path(path).read_bytes().decode()
    said = judge(text, *more)
    if "--controls" in sys.argv:
        try:
            judge(spoilt(kind, text), *more)
        except Refused:
            said += "; refused when spoilt"
        else:
            raise Refused("accepted though something is wrong in it")
    print(f"= {said}")


if __name__ == "__main__":
    try:
        main()
    except Refused as why:
        print(why)
        sys.exit(1)
