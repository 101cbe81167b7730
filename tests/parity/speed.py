"""Full-size networks of Stable Diffusion 1.5 with random weights: what PyTorch and diffusers take, recorded for `colophon model check --against`.

    speed.py FOLDER SIDE THREADS
"""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file

folder, side, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
torch.set_grad_enabled(False)
torch.set_num_threads(threads)
torch.manual_seed(1)


def timed(call, times=3):
    call()
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        out = call()
        took.append(time.perf_counter() - begun)
    return out, statistics.median(took)


unet_config = dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
vae_config = dict(block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=4, sample_size=512,
                  down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
unet = UNet2DConditionModel(**unet_config).eval()
vae = AutoencoderKL(**vae_config).eval()
if not (folder / "model_index.json").exists():
    unet.save_pretrained(folder / "unet", max_shard_size="10GB")
    vae.save_pretrained(folder / "vae")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
                                                         "vae": ["diffusers", "AutoencoderKL"]}))
n = side // 8
x, t, words = torch.randn(1, 4, n, n), torch.tensor([981.0]), torch.randn(1, 77, 768)
y, step = timed(lambda: unet(x, t, words).sample)
picture, decode = timed(lambda: vae.decode(x).sample, 1 if side > 256 else 2)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
save_file({"unet/full/x": x, "unet/full/t": t, "unet/full/words": words, "unet/full/y": y.contiguous(), "vae/full/latents": x.clone(),
           "vae/full/picture": picture.contiguous()}, folder.with_name(f"{folder.name}-{side}.safetensors"))
print(f"torch {side}: unet step {step:.2f} s, vae decode {decode:.2f} s, peak {peak:.0f} MiB")
