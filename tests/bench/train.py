"""One training step of the network of `src/generation/pixel` in PyTorch: same sizes, same layers, forward, backward and AdamW. Prints
pictures per second, the median of several steps. Data is made once; ours makes its own in every step.

    train.py BATCH bf16|f32 THREADS
"""

import sys, time

import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTH, DEPTH, HEADS, HIDDEN, LOCAL, HEAD, SLOTS, WORKS, TOKENS, WORDS = 256, 8, 4, 576, 64, 512, 12, 4, 64, 3243
PIXELS, INPUT, CELLS = 768, 256 * 11, 16


def linear(i, o, bias=False):
    return nn.Linear(i, o, bias=bias)


def rms(x):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = linear(WIDTH, 3 * WIDTH), linear(WIDTH, WIDTH)
        self.up, self.down = linear(WIDTH, 2 * HIDDEN), linear(HIDDEN, WIDTH)
        self.gains, self.mod = nn.Parameter(torch.ones(2, WIDTH // HEADS)), nn.Parameter(torch.zeros(6, WIDTH))

    def forward(self, h, context, mod):
        m, (b, t, _) = mod + self.mod, h.shape
        y = F.layer_norm(h, (WIDTH,)) * (1 + m[:, 1:2]) + m[:, 0:1]
        q, k, v = self.qkv(y).view(b, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        if context is not None:
            ck, cv = context.view(b, -1, 2, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
            k, v = torch.cat([k, ck], 2), torch.cat([v, cv], 2)
        y = F.scaled_dot_product_attention(rms(q) * self.gains[0], rms(k) * self.gains[1], v)
        h = h + (1 + m[:, 2:3]) * self.out(y.transpose(1, 2).reshape(b, t, WIDTH))
        a, c = self.up(F.layer_norm(h, (WIDTH,)) * (1 + m[:, 4:5]) + m[:, 3:4]).chunk(2, -1)
        return h + (1 + m[:, 5:6]) * self.down(F.silu(a) * c)


class Local(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = linear(WIDTH, LOCAL), linear(9 * LOCAL, LOCAL), linear(LOCAL, WIDTH)

    def forward(self, h):
        x, b = self.a(F.layer_norm(h, (WIDTH,))), h.shape[0]
        grid = F.pad(x.view(b, 8, 8, LOCAL), (0, 0, 1, 1, 1, 1))
        x = torch.cat([grid[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)], -1).view(b, TOKENS, 9 * LOCAL)
        return h + self.c(F.silu(self.b(x)))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.text, self.joint, self.work = nn.Embedding(WORDS, WIDTH), Block(), Block(), linear(PIXELS, WIDTH)
        self.kv = nn.ModuleList(linear(WIDTH, 2 * WIDTH) for _ in range(DEPTH // 2))
        self.time, self.time_out, self.mod = linear(256, WIDTH), linear(WIDTH, WIDTH), linear(WIDTH, 6 * WIDTH)
        self.stride, self.into = linear(256, WIDTH), linear(INPUT, WIDTH, True)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.locals = nn.ModuleList(Local() for _ in range(DEPTH + 1))
        self.head, self.head_out, self.blend = linear(WIDTH, HEAD, True), linear(HEAD, PIXELS, True), linear(WIDTH, (WORKS + 1) * CELLS, True)
        self.register_buffer("none", torch.zeros(1, 6, WIDTH))

    def context(self, tokens, halved):
        """What words and works say to every block: the same in all steps of a drawing."""
        b = tokens.shape[0]
        h = self.text(self.words(tokens), None, self.none)
        h = torch.cat([h, self.work(halved).reshape(b, WORKS * TOKENS // 4, WIDTH)], 1)
        h = F.layer_norm(self.joint(h, None, self.none), (WIDTH,))
        return [each(h) for each in self.kv]

    def step(self, x, kv, works, draft, features):
        b = x.shape[0]
        m = self.mod(F.silu(self.time_out(F.silu(self.time(features) + self.stride(features))))).view(b, 6, WIDTH)
        h = self.into(x)
        for i in range(DEPTH):
            h = self.blocks[i](self.locals[i](h), kv[i // 2], m)
        y = F.layer_norm(self.locals[DEPTH](h), (WIDTH,))
        drawn = self.head_out(F.silu(self.head(y)))
        a = self.blend(y).view(b, TOKENS, WORKS + 1, CELLS, 1).transpose(1, 2)
        seen = torch.cat([works, draft.unsqueeze(1)], 1).view(b, WORKS + 1, TOKENS, CELLS, PIXELS // CELLS)
        return drawn + (a * seen).sum(1).view(b, TOKENS, PIXELS)

    def forward(self, x, tokens, works, halved, draft, features):
        return self.step(x, self.context(tokens, halved), works, draft, features)


def main(batch, precision, threads):
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    n, net = int(batch), Network()
    x, tokens = torch.randn(n, TOKENS, INPUT), torch.randint(0, WORDS, (n, SLOTS))
    works, halved = torch.randn(n, WORKS, TOKENS, PIXELS), torch.randn(n, WORKS, TOKENS // 4, PIXELS)
    draft, target, features = torch.randn(n, TOKENS, PIXELS), torch.randn(n, TOKENS, PIXELS), torch.randn(n, 256)
    optimiser, times = torch.optim.AdamW(net.parameters(), 1e-3), []
    for _ in range(8):
        begun = time.time()
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            drawn = net(x, tokens, works, halved, draft, features)
        ((drawn - target).float() ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        times.append(time.time() - begun)
    times = sorted(times[2:])
    print(f"{n / times[len(times) // 2]:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
