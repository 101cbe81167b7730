"""A judge of drawings, trained apart: on icon sets that no model of ours has seen.

It learns which drawings of two sets mean the same thing, and then says for a picture at which rank the right concept stands among all
concepts it knows. It is itself measured on the registered works (drawings by hands it has not seen), so that its numbers have a scale.

    judge.py train SETS JUDGE           SETS: folder of unpacked npm packages @iconify-json/{openmoji,emojione-v1,streamline-emojis}
    judge.py rank JUDGE PICTURES        PICTURES: folder of NNN.png with prompts.json (a list of {"prompt", "kind", "subjects"},
                                        subjects being the names of the thing, or for two things a list of names for each)
    judge.py works JUDGE COLLECTION     the scale: the works in `colophon prepare`'s folder, by their titles

Packages: torch (CPU), numpy, pillow, cairosvg.
"""

import io, json, re, sys, zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image

SIDE = 64
SETS = ["openmoji", "emojione-v1", "streamline-emojis"]
PARTS = re.compile(r"^(flag|keycap|regional|letter|.*-(skin-tone|tone[0-9]|button)$|.*(light|medium|dark)-skin)")


def concept(name):
    name = re.sub(r"-(face)$", r"", name.lower().replace("_", "-"))
    return " ".join(w for w in re.split(r"[^a-z0-9]+", name) if w not in ("the", "a", "an", "of", "with", "and", "in", "on"))


def render(svg):
    import cairosvg

    try:
        png = cairosvg.svg2png(bytestring=svg.encode(), output_width=SIDE * 2, output_height=SIDE * 2)
    except Exception:
        return None
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image)
    return np.asarray(paper.convert("RGB").resize((SIDE, SIDE), Image.LANCZOS))


def drawings(folder):
    """(concept, set, 64×64×3) of every drawing of the judge's sets."""
    found = []
    for n, name in enumerate(SETS):
        (path,) = Path(folder).glob(f"iconify-json-{name}-[0-9]*/icons.json")
        data = json.loads(path.read_text())
        width, height = data.get("width", 16), data.get("height", 16)
        jobs = []
        for icon, body in data["icons"].items():
            if PARTS.match(icon) or body.get("hidden"):
                continue
            w, h = body.get("width", width), body.get("height", height)
            jobs.append((concept(icon), f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {w} {h}">{body["body"]}</svg>'))
        with ProcessPoolExecutor(2) as pool:
            for (label, _), rgb in zip(jobs, pool.map(render, [svg for _, svg in jobs], chunksize=32)):
                if rgb is not None and label:
                    found.append((label, n, rgb))
    return found


class Judge(nn.Module):
    """A residual network to a unit vector."""

    def __init__(self, width=48, out=192):
        super().__init__()
        layers, c = [], 3
        for i, w in enumerate([width, width * 2, width * 4, width * 6]):
            layers.append(Stage(c, w, stride=1 if i == 0 else 2))
            c = w
        self.body = nn.Sequential(nn.AvgPool2d(1), *layers)
        self.head = nn.Linear(c * 2, out)

    def forward(self, x):
        h = self.body(x)
        return F.normalize(self.head(torch.cat([h.mean((2, 3)), h.amax((2, 3))], 1)), dim=1)


class Stage(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.a = nn.Conv2d(i, o, 3, stride=2 if i == 3 else stride, padding=1, bias=False)
        self.b = nn.Conv2d(o, o, 3, padding=1, bias=False)
        self.na, self.nb = nn.GroupNorm(8, o), nn.GroupNorm(8, o)

    def forward(self, x):
        h = F.relu(self.na(self.a(x)))
        return F.relu(h + self.nb(self.b(h)))


def varied(batch, rng):
    """Moved, turned, stretched, mirrored, recoloured, blurred: so that it looks at what is drawn, not how."""
    n = len(batch)
    angle = (torch.rand(n, generator=rng) - 0.5) * 0.6
    sx, sy = (0.75 + 0.5 * torch.rand(n, generator=rng) for _ in range(2))
    sx = sx * torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
    tx, ty = ((torch.rand(n, generator=rng) - 0.5) * 0.3 for _ in range(2))
    theta = torch.stack([torch.stack([sx * angle.cos(), -sy * angle.sin(), tx], 1), torch.stack([sx * angle.sin(), sy * angle.cos(), ty], 1)], 1)
    x = 1 - F.grid_sample(1 - batch, F.affine_grid(theta, batch.shape, align_corners=False), align_corners=False)
    mix = torch.eye(3) + 0.35 * torch.randn(n, 3, 3, generator=rng)
    mix = mix / mix.sum(2, keepdim=True).clamp(min=0.3)
    hue = torch.rand(n, 1, 1, 1, generator=rng) < 0.7
    x = torch.where(hue, torch.einsum("nij,njhw->nihw", mix, x).clamp(0, 1), x)
    soft = torch.rand(n, 1, 1, 1, generator=rng) < 0.3
    x = torch.where(soft, F.avg_pool2d(x, 3, 1, 1), x)
    return x + 0.03 * torch.randn(x.shape, generator=rng)


def tensor(rgbs):
    return torch.from_numpy(np.stack(rgbs)).permute(0, 3, 1, 2).float() / 255


def train(sets, out, minutes=10):
    import time

    torch.manual_seed(1)
    found = drawings(sets)
    by = {}
    for label, n, rgb in found:
        by.setdefault(label, []).append((n, rgb))
    labels = sorted(by)
    pairs = [l for l in labels if len({n for n, _ in by[l]}) > 1]
    print(len(found), "drawings,", len(labels), "concepts,", len(pairs), "in two sets or more", flush=True)
    net, rng = Judge().to(memory_format=torch.channels_last), torch.Generator().manual_seed(1)
    opt = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    scale = nn.Parameter(torch.tensor(2.7))
    opt.add_param_group({"params": [scale], "weight_decay": 0.0})
    begun, step, B = time.time(), 0, 96
    pick = np.random.default_rng(1)
    while time.time() - begun < minutes * 60:
        share = (time.time() - begun) / (minutes * 60)
        for g in opt.param_groups:
            g["lr"] = 2e-3 * min(1, (step + 1) / 50) * (1 - share) + 1e-5
        # Two thirds are concepts drawn in two sets, the rest one drawing varied twice.
        chosen = list(pick.choice(len(pairs), B * 2 // 3, replace=False))
        chosen = [pairs[i] for i in chosen]
        chosen += [l for l in (labels[i] for i in pick.choice(len(labels), B, replace=False)) if l not in chosen][: B - len(chosen)]
        a, b = [], []
        for l in chosen:
            each = by[l]
            i = pick.integers(len(each))
            others = [e for e in each if e[0] != each[i][0]] or each
            a.append(each[i][1]), b.append(others[pick.integers(len(others))][1])
        x = varied(torch.cat([tensor(a), tensor(b)]), rng)
        with torch.autocast("cpu", torch.bfloat16):
            e = net(x.contiguous(memory_format=torch.channels_last))
        e = e.float()
        logits = e[: len(a)] @ e[len(a) :].T * scale.exp()
        target = torch.arange(len(a))
        loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        opt.zero_grad(), loss.backward(), opt.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step}, {share:.0%}: loss {loss:.3f}, right {(logits.argmax(1) == target).float().mean():.0%}", flush=True)
    net.eval()
    with torch.no_grad():
        rows, owners = [], []
        for l in labels:
            for _, rgb in by[l]:
                rows.append(rgb), owners.append(l)
        vectors = torch.cat([look(net, rows[i : i + 256]) for i in range(0, len(rows), 256)])
    torch.save({"net": net.state_dict(), "vectors": vectors, "owners": owners, "sets": SETS}, out)


@torch.no_grad()
def look(net, rgbs):
    """Mean over the picture and its mirror image, and three sizes."""
    x = tensor(rgbs)
    views = []
    for zoom in (0.9, 1.0, 1.12):
        theta = torch.tensor([[[zoom, 0, 0], [0, zoom, 0]]]).expand(len(x), 2, 3)
        z = 1 - F.grid_sample(1 - x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)
        views += [z, z.flip(3)]
    return F.normalize(sum(net(v) for v in views), dim=1)


def load(path):
    saved = torch.load(path, weights_only=True)
    net = Judge()
    net.load_state_dict(saved["net"])
    net.eval()
    labels = sorted(set(saved["owners"]))
    index = torch.tensor([labels.index(o) for o in saved["owners"]])
    return net, saved["vectors"], index, labels


def places(judge, rgbs):
    """For each picture the rank (from 1) of every concept, and the place of each concept in that list."""
    net, vectors, index, labels = judge
    seen = torch.cat([look(net, rgbs[i : i + 128]) for i in range(0, len(rgbs), 128)])
    near = seen @ vectors.T
    best = torch.full((len(rgbs), len(labels)), -2.0).scatter_reduce(1, index.expand(len(rgbs), -1), near, "amax")
    return best.argsort(1, descending=True).argsort(1) + 1, {l: i for i, l in enumerate(labels)}


def ranks(judge, rgbs, rights):
    """For each picture the best rank of any of its right names, or None if the judge knows none of them."""
    rank, place = places(judge, rgbs)
    return [min((int(rank[n, place[c]]) for c in map(concept, right) if c in place), default=None) for n, right in enumerate(rights)]


def both_ranks(judge, rgbs, rights):
    """For pictures of two things: each is looked for in the whole and in either half, and the worse of the two counts."""
    whole = lambda rgb: rgb
    half = lambda at: lambda rgb: np.asarray(Image.fromarray(np.pad(rgb[:, at : at + SIDE // 2], ((0, 0), (SIDE // 4, SIDE // 4), (0, 0)), constant_values=255)))
    views = [places(judge, [view(rgb) for rgb in rgbs]) for view in (whole, half(0), half(SIDE // 2))]
    found = []
    for n, right in enumerate(rights):
        each = [min((int(rank[n, place[c]]) for rank, place in views for c in map(concept, names) if c in place), default=None) for names in right]
        found.append(None if None in each else max(each))
    return found


HUES = {"red": (345, 15), "orange": (15, 42), "yellow": (42, 68), "green": (68, 170), "blue": (170, 255), "purple": (255, 300), "pink": (300, 345)}


def colours(rgb):
    """Names of the hues that a third of the drawing or more has, paper and grey left out. Pale red is pink as well."""
    hsv = np.asarray(Image.fromarray(rgb).convert("HSV"), np.float64).reshape(-1, 3) / 255
    hue, saturation, value = hsv[:, 0] * 360, hsv[:, 1], hsv[:, 2]
    drawn = ~((rgb > 244).all(2).reshape(-1))
    vivid = drawn & (saturation > 0.25) & (value > 0.2)
    found = set()
    for name, (low, high) in HUES.items():
        inside = (hue >= low) & (hue < high) if low < high else (hue >= low) | (hue < high)
        if name == "pink":
            inside |= ((hue >= 345) | (hue < 15)) & (saturation < 0.6) & (value > 0.7)
        if (inside & vivid).sum() * 3 >= drawn.sum():
            found.add(name)
    return found


def report(name, found, of):
    known = [r for r in found if r is not None]
    if not known:
        return print(f"{name}: the judge knows none of them")
    part = lambda k: sum(r <= k for r in known) / len(known)
    print(f"{name}: {len(known)} judged of {len(found)}; median rank {int(np.median(known))} of {of}; first {part(1):.0%}, in the first ten {part(10):.0%}, fifty {part(50):.0%}")


def rank(path, folder):
    judge = load(path)
    prompts = json.loads((Path(folder) / "prompts.json").read_text())
    read = lambda n: np.asarray(Image.open(Path(folder) / f"{n:03}.png").convert("RGB").resize((SIDE, SIDE), Image.LANCZOS))
    pairs = lambda p: p["kind"] == "composed" and " and " in p["prompt"]
    found = [None] * len(prompts)
    for chosen, by in ((pairs, both_ranks), (lambda p: not pairs(p), ranks)):
        these = [n for n, p in enumerate(prompts) if chosen(p)]
        for n, r in zip(these, by(judge, [read(n) for n in these], [prompts[n]["subjects"] for n in these])):
            found[n] = r
    for p in prompts:
        p["kind"] = "composed, two things" if pairs(p) else "composed, in a colour" if p["kind"] == "composed" else p["kind"]
    asked = [n for n, p in enumerate(prompts) if p["kind"] == "composed, in a colour"]
    right = sum(prompts[n]["prompt"].split()[0] in colours(read(n)) for n in asked)
    print(f"composed, in a colour: {right} of {len(asked)} show the colour in a third of the drawing or more")
    for kind in sorted({p["kind"] for p in prompts}):
        report(kind, [r for r, p in zip(found, prompts) if p["kind"] == kind], len(judge[3]))
    report("all", found, len(judge[3]))


def works(path, folder):
    judge = load(path)
    archive = zipfile.ZipFile(Path(folder) / "works.zip")
    lines = [json.loads(l) for l in archive.read("works.jsonl").decode().splitlines()]
    lines = [l for l in lines if l["style"] != "openclipart"]
    read = lambda l: np.asarray(Image.open(io.BytesIO(archive.read(f"{l['n']:05}.png"))).convert("RGB").resize((SIDE, SIDE), Image.LANCZOS))
    lines = lines[:: max(1, len(lines) // 600)]
    found = ranks(judge, [read(l) for l in lines], [[l["title"]] for l in lines])
    report("registered works", found, len(judge[3]))


if __name__ == "__main__":
    {"train": train, "rank": rank, "works": works}[sys.argv[1]](*sys.argv[2:])
