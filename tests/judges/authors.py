#!/usr/bin/env python3
"""Two people make one image over four generations, and agree on their shares: what its file and its dossier say must be what they did.

    authors.py BASE_URL TOKEN_OF_ONE TOKEN_OF_THE_OTHER NAME_OF_ONE NAME_OF_THE_OTHER FOLDER

The signatures under the agreement are checked here again, with Python's `cryptography`: Ed25519 over the canonical JSON (RFC 8785) by the key of each
certificate, each certificate under the registry's root. The last file lies in FOLDER as `authors.png`, the dossier as `dossier.json`.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

BASE, ONE, OTHER, ONE_NAME, OTHER_NAME, FOLDER = sys.argv[1:7]


def call(token, method, path, body=None):
    request = urllib.request.Request(BASE + path, method=method)
    request.add_header("accept", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    data = None
    if body is not None:
        request.add_header("content-type", "application/json")
        data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def need(holds, why):
    if not holds:
        sys.exit(f"refused: {why}")


def made(token, order):
    """The image that comes of an order."""
    status, asked = call(token, "POST", "/api/v1/images", order)
    need(status == 202, f"{order} answers {status}: {asked}")
    for _ in range(600):
        _, job = call(token, "GET", asked["url"])
        if job["state"] == "done":
            return job["image"]
        need(job["state"] not in ("failed", "cancelled"), f"{order} is {job['state']}: {job['problem']}")
        time.sleep(0.1)
    sys.exit(f"refused: {order} takes more than a minute")


def agree(image, ai_share, shares, proposer):
    """Both sign; the agreement."""
    authors = [{"name": name, "share": share, "role": role, "did": did} for name, share, role, did in shares]
    status, proposal = call(proposer, "POST", f"/api/v1/images/{image}/agreements", {"ai_share": ai_share, "authors": authors})
    need(status == 201, f"the proposal answers {status}: {proposal}")
    return proposal["agreement"]["id"]


def canonical(value):
    """RFC 8785, for what stands in an agreement: texts, whole numbers, lists, objects with ASCII names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def main():
    shares = [(ONE_NAME, 45, "creator", "words and choice"), (OTHER_NAME, 25, "editor", "colours")]
    first = made(ONE, {"prompt": "a red apple", "seed": "11", "ai_share": 60})
    warmer = {"edit": {"kind": "adjust", "warmth": 0.4}, "parent": first}
    status, said = call(OTHER, "POST", "/api/v1/images", warmer)
    need(status == 422 and "author" in json.dumps(said), f"the other may not go on uninvited: {status} {said}")
    agree(first, 30, shares, ONE)
    second = made(OTHER, warmer)
    agree(second, 30, shares, OTHER)
    third = made(ONE, {"edit": {"kind": "variation", "strength": 0.4}, "parent": second, "prompt": "a green apple", "seed": "12"})
    agree(third, 30, shares, ONE)
    fourth = made(OTHER, {"edit": {"kind": "resize", "width": 120, "height": 90}, "parent": third})
    agreement = agree(fourth, 30, shares, OTHER)
    for token in (ONE, OTHER):
        status, signed = call(token, "POST", f"/api/v1/agreements/{agreement}/signature")
        need(status == 200, f"signing answers {status}: {signed}")
    need(signed["state"] == "agreed", f"both have signed, and it is {signed['state']}")

    with urllib.request.urlopen(f"{BASE}/api/v1/images/{fourth}/file") as answer:
        (Path(FOLDER) / "authors.png").write_bytes(answer.read())
    _, dossier = call(None, "GET", f"/api/v1/images/{fourth}/dossier")
    (Path(FOLDER) / "dossier.json").write_text(json.dumps(dossier, indent=1))
    makers = [(g["maker"], g["edit"] and g["edit"]["kind"]) for g in dossier["generations"]]
    need(makers == [(ONE_NAME, None), (OTHER_NAME, "adjust"), (ONE_NAME, "variation"), (OTHER_NAME, "resize")], f"the makers are {makers}")
    for generation in dossier["generations"]:
        signature = generation["signature"]
        need(signature["standing"] == "sound" and signature["name"] == generation["maker"], f"the signature of {generation['image']} is {signature}")
    need(dossier["generations"][0]["declared_ai_share"] == 60, "the declared share is not in the file")

    # The signatures, checked by other means.
    agreed = dossier["agreements"][0]
    need(agreed["all_sound"], f"the registry does not hold its own signatures for sound: {agreed['signatures_checked']}")
    text = {name: value for name, value in agreed["agreement"].items() if name != "signatures"}
    text["type"] = "colophon agreement v1"
    with urllib.request.urlopen(f"{BASE}/trust/c2pa-root.pem") as answer:
        root = x509.load_pem_x509_certificate(answer.read())
    need(len(agreed["agreement"]["signatures"]) == 2, "two have signed")
    for signature in agreed["agreement"]["signatures"]:
        own, issuing = x509.load_pem_x509_certificates(signature["chain"].encode())
        own.public_key().verify(bytes.fromhex(signature["signature"]), canonical(text))
        for child, parent in ((own, issuing), (issuing, root)):
            parent.public_key().verify(child.signature, child.tbs_certificate_bytes, ec.ECDSA(child.signature_hash_algorithm))
        name = own.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        need(name == signature["name"], f"{signature['name']} signed by the certificate of {name}")
        try:
            own.public_key().verify(bytes.fromhex(signature["signature"]), canonical({**text, "ai_share": 0}))
        except Exception:  # noqa: BLE001: whatever the library says, it must refuse
            continue
        sys.exit("refused: a signature holds over another text")
    print(f"= {len(makers)} generations, 2 signatures")


main()
