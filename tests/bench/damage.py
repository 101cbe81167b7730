"""Synthetic damage with a fixed seed: what is painted over a picture, and the mask of every pixel it changed."""
import cv2, numpy as np, zlib

KINDS = ["scratches", "tears", "holes", "stains", "mixed"]

def rng_of(name, kind, seed):
    return np.random.default_rng([seed, zlib.crc32(name.encode()), KINDS.index(kind)])

def curve(rng, h, w, bend):
    """A smooth polyline across part of the picture."""
    a = rng.uniform([0, 0], [w, h]); angle = rng.uniform(0, 2 * np.pi); length = rng.uniform(0.25, 0.9) * max(h, w)
    n = 24; turn = np.cumsum(rng.normal(0, bend, n)); step = length / n
    p = [a]
    for i in range(n):
        p.append(p[-1] + step * np.array([np.cos(angle + turn[i]), np.sin(angle + turn[i])]))
    return np.array(p)

def blob(rng, h, w, diameter, rough=0.3):
    """An irregular round area as a bool mask."""
    c = rng.uniform([diameter / 2, diameter / 2], [max(w - diameter / 2, diameter / 2 + 1), max(h - diameter / 2, diameter / 2 + 1)])
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False); r = np.ones(64)
    for k in range(2, 6):
        r += rough / k * rng.normal() * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    r = np.clip(r, 0.4, 1.3); r *= diameter / 2 / max(r.max(), 1)
    squeeze = rng.uniform(0.65, 1.0); th = rng.uniform(0, np.pi)
    x, y = r * np.cos(t), squeeze * r * np.sin(t)
    q = np.stack([c[0] + x * np.cos(th) - y * np.sin(th), c[1] + x * np.sin(th) + y * np.cos(th)], 1)
    m = np.zeros((h, w), np.uint8); cv2.fillPoly(m, [np.round(q).astype(np.int32)], 1)
    return m > 0

def paper(rng):
    """The colour of bare paper or of the dark behind it."""
    return np.array([[250, 248, 244], [236, 228, 208], [20, 18, 16], [255, 255, 255], [8, 8, 8]][rng.integers(5)], float)

def scratches(rng, im, m):
    h, w = m.shape
    for _ in range(rng.integers(7, 12)):
        width = int(rng.integers(1, 7)); p = curve(rng, h, w, 0.03); one = np.zeros((h, w), np.uint8)
        cv2.polylines(one, [np.round(p).astype(np.int32)], False, 1, width)
        col = paper(rng); on = one > 0
        im[on] = (col + rng.normal(0, 5, (on.sum(), 1)) + rng.normal(0, 2, (on.sum(), 3))); m |= on

def tears(rng, im, m):
    h, w = m.shape
    for _ in range(rng.integers(2, 4)):
        p = curve(rng, h, w, 0.12); side = rng.integers(4)
        p = p - p[0] + np.array([[0, rng.uniform(0, h)], [w, rng.uniform(0, h)], [rng.uniform(0, w), 0], [rng.uniform(0, w), h]][side])
        if ((p[-1] - [w / 2, h / 2]) ** 2).sum() > ((2 * p[0] - p[-1] - [w / 2, h / 2]) ** 2).sum():
            p = 2 * p[0] - p
        one = np.zeros((h, w), np.uint8); top = rng.uniform(8, 20); n = len(p)
        for i in range(n - 1):
            for s in np.linspace(0, 1, 6):
                q = p[i] * (1 - s) + p[i + 1] * s + rng.normal(0, 1, 2)
                cv2.circle(one, (int(round(q[0])), int(round(q[1]))), int(max(1, top / 2 * (1 - (i + s) / n) * rng.uniform(0.75, 1.15))), 1, -1)
        on = one > 0; im[on] = paper(rng) + rng.normal(0, 6, (on.sum(), 1)); m |= on

def holes(rng, im, m):
    h, w = m.shape
    for _ in range(rng.integers(6, 11)):
        on = blob(rng, h, w, rng.uniform(12, 40)); im[on] = paper(rng) + rng.normal(0, 3, (on.sum(), 1)); m |= on

def stains(rng, im, m):
    h, w = m.shape
    for _ in range(rng.integers(5, 9)):
        on = blob(rng, h, w, rng.uniform(16, 56), 0.5)
        d = cv2.distanceTransform(on.astype(np.uint8), cv2.DIST_L2, 5); a = np.clip(d / rng.uniform(2, 5), 0, 1) * rng.uniform(0.45, 0.8)
        tint = np.array([[150, 105, 55], [110, 80, 50], [60, 60, 75], [190, 150, 80]][rng.integers(4)], float)
        new = im * (1 - a[..., None]) + tint * (im / 255 * 0.5 + 0.5) * a[..., None]; im[on] = new[on]; m |= on

def damage(rgb, name, kind, seed=1):
    """The damaged picture and its mask (255 = damaged). Nothing outside the mask changes."""
    rng = rng_of(name, kind, seed); im = rgb.astype(float).copy(); m = np.zeros(rgb.shape[:2], bool)
    if kind == "scratches": scratches(rng, im, m)
    elif kind == "tears": tears(rng, im, m)
    elif kind == "holes": holes(rng, im, m)
    elif kind == "stains": stains(rng, im, m)
    else:
        for f in (stains, scratches, tears, holes): f(rng, im, m)
    return np.clip(np.round(im), 0, 255).astype(np.uint8), (m * 255).astype(np.uint8)
