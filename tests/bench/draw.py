"""One picture of the network of `src/generation/pixel` in PyTorch: words and works once, the steps of `config.json`, and bytes at the end, with
random weights and no draft. Prints milliseconds a picture, the median of a hundred.

    draw.py MODEL THREADS
"""

import json, sys, time
from pathlib import Path

import torch

from train import INPUT, PIXELS, SLOTS, TOKENS, WORDS, WORKS, Network

torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(1)
torch.set_grad_enabled(False)
config = json.loads((Path(sys.argv[1]) / "config.json").read_text())
steps = max(1, round(config["steps"] * (1 - config["start"])))
net, times = Network().eval(), []
tokens, works, halved = torch.randint(0, WORDS, (1, SLOTS)), torch.randn(1, WORKS, TOKENS, PIXELS), torch.randn(1, WORKS, TOKENS // 4, PIXELS)
draft, planes, features = torch.randn(1, TOKENS, PIXELS), torch.randn(1, TOKENS, INPUT - 2 * PIXELS), torch.randn(1, 256)
for _ in range(110):
    begun = time.time()
    x, kv = torch.randn(1, TOKENS, PIXELS), net.context(tokens, halved)
    for i in range(steps):
        picture = net.step(torch.cat([x, planes, draft], 2), kv, works, draft, features)
        x = x + (picture - x) / (steps - i)
    ((x / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).numpy().tobytes()
    times.append(time.time() - begun)
times = sorted(times[10:])
print(f"{1e3 * times[len(times) // 2]:.2f}")
