"""Makes tiny models with random weights in the folder layout of diffusers, and records what diffusers and transformers answer.

    make.py FOLDER

For each model FOLDER/NAME is the model and FOLDER/NAME.safetensors the record, as `colophon model check FOLDER/NAME --against` reads it.
"""

import gzip
import importlib.util
import json
import re
import sys
from pathlib import Path

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       FlowMatchEulerDiscreteScheduler, LCMScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, StableDiffusionXLPipeline, UniPCMultistepScheduler, UNet2DConditionModel)
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers, _maybe_map_sgm_blocks_to_diffusers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

WORDS, TOKENS = 77, 1000
LATENT = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def shaken(model, seed):
    """The model with every number random: fresh ones leave norms at one and biases at zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.copy_((1.0 if name.endswith("weight") else 0.0) + 0.2 * torch.randn(p.shape, generator=generator))
            else:
                p.copy_(torch.randn(p.shape, generator=generator) / p[0].numel() ** 0.5)
    return model.eval()


def clip(width, act, projection, seed, eos, tokens=TOKENS, heads=4):
    config = CLIPTextConfig(vocab_size=tokens, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3, num_attention_heads=heads,
                            max_position_embeddings=WORDS, hidden_act=act, projection_dim=projection or width, bos_token_id=0, eos_token_id=eos)
    return shaken((CLIPTextModelWithProjection if projection else CLIPTextModel)(config), seed)


def vae(scaling, seed):
    return shaken(AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=[32, 64], layers_per_block=1, sample_size=32,
                                down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, norm_num_groups=16,
                                scaling_factor=scaling), seed)


def unet(seed, **more):
    config = dict(sample_size=16, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=[32, 64, 64], norm_num_groups=16,
                  down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
                  up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"], cross_attention_dim=32, attention_head_dim=8)
    return shaken(UNet2DConditionModel(**{**config, **more}), seed)


MODELS = {
    "sd15": dict(unet=lambda: unet(1), vae=lambda: vae(0.18215, 2), text_encoder=lambda: clip(32, "quick_gelu", None, 3, 2)),
    "sd21": dict(unet=lambda: unet(4, attention_head_dim=[2, 4, 4], use_linear_projection=True), vae=lambda: vae(0.18215, 5),
                 text_encoder=lambda: clip(32, "gelu", None, 6, TOKENS - 1)),
    "xl": dict(unet=lambda: unet(7, block_out_channels=[32, 64], down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
                                 up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"], attention_head_dim=[2, 4], use_linear_projection=True,
                                 transformer_layers_per_block=[1, 2], cross_attention_dim=64, addition_embed_type="text_time",
                                 addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 32), vae=lambda: vae(0.13025, 8),
               text_encoder=lambda: clip(32, "quick_gelu", None, 9, 2), text_encoder_2=lambda: clip(32, "gelu", 32, 10, TOKENS - 1)),
}



def flow(seed, **more):
    """The network of Stable Diffusion 3 (and, with `more`, of 3.5)."""
    return shaken(SD3Transformer2DModel(**{**dict(
        sample_size=16, patch_size=2, in_channels=16, out_channels=16, num_layers=3, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=24, caption_projection_dim=32, pooled_projection_dim=40, pos_embed_max_size=12), **more}), seed)


def flow_vae(seed):
    return shaken(AutoencoderKL(in_channels=3, out_channels=3, latent_channels=16, block_out_channels=[32, 64], layers_per_block=1,
                                down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, norm_num_groups=16,
                                scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False), seed)


FLOWS = {"sd3": lambda: flow(11), "sd35": lambda: flow(12, qk_norm="rms_norm", dual_attention_layers=(0, 1))}

WALKS = {
    "ddim": (DDIMScheduler, dict(LATENT, clip_sample=False, set_alpha_to_one=False, steps_offset=1)),
    "ddim-clipped": (DDIMScheduler, dict(beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing", prediction_type="sample")),
    "ddim-v-zero": (DDIMScheduler, dict(LATENT, prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing",
                                        clip_sample=False)),
    "euler": (EulerDiscreteScheduler, dict(LATENT)),
    "euler-leading": (EulerDiscreteScheduler, dict(LATENT, timestep_spacing="leading", steps_offset=1)),
    "euler-karras-v": (EulerDiscreteScheduler, dict(LATENT, use_karras_sigmas=True, prediction_type="v_prediction")),
    "euler-turbo": (EulerAncestralDiscreteScheduler, dict(LATENT, timestep_spacing="trailing")),
    "euler-ancestral": (EulerAncestralDiscreteScheduler, dict(LATENT)),
    "dpm": (DPMSolverMultistepScheduler, dict(LATENT)),
    "dpm-karras": (DPMSolverMultistepScheduler, dict(LATENT, use_karras_sigmas=True)),
    "dpm-heun-v": (DPMSolverMultistepScheduler, dict(LATENT, solver_type="heun", prediction_type="v_prediction", timestep_spacing="leading",
                                                     steps_offset=1)),
    "dpm-last": (DPMSolverMultistepScheduler, dict(LATENT, final_sigmas_type="sigma_min", lower_order_final=False)),
    "unipc": (UniPCMultistepScheduler, dict(LATENT)),
    "unipc-third": (UniPCMultistepScheduler, dict(LATENT, solver_order=3, solver_type="bh1", final_sigmas_type="sigma_min")),
    "unipc-karras": (UniPCMultistepScheduler, dict(LATENT, use_karras_sigmas=True, timestep_spacing="trailing")),
    "lcm": (LCMScheduler, dict(LATENT, clip_sample=False)),
    "flow": (FlowMatchEulerDiscreteScheduler, dict(shift=3.0)),
    "flow-plain": (FlowMatchEulerDiscreteScheduler, dict()),
}


def random(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def networks(parts):
    """What each network answers, at two sizes and for two pictures at once."""
    out = {}
    for case, (batch, high, wide) in {"small": (1, 16, 16), "pair": (2, 8, 24), "odd": (1, 10, 6)}.items():
        net = parts["unet"]
        if case == "odd" and len(net.config.block_out_channels) == 2:
            high = 9
        given = dict(x=random(1, batch, 4, high, wide), t=torch.tensor([981.0, 3.0][:batch]),
                     words=random(2, batch, 11, net.config.cross_attention_dim))
        more = {}
        if net.config.addition_embed_type:
            given |= dict(pooled=random(3, batch, 32), sizes=torch.tensor([[512.0, 768, 0, 16, 1024, 1024]] * batch))
            more = {"added_cond_kwargs": {"text_embeds": given["pooled"], "time_ids": given["sizes"]}}
        given["y"] = net(given["x"], given["t"], given["words"], **more).sample
        out |= {f"unet/{case}/{name}": x for name, x in given.items()}
        latents, pixels = random(4, batch, 4, high, wide), random(5, batch, 3, 2 * high, 2 * wide)
        out |= {f"vae/{case}/latents": latents, f"vae/{case}/picture": parts["vae"].decode(latents).sample, f"vae/{case}/pixels": pixels,
                f"vae/{case}/moments": parts["vae"].encode(pixels).latent_dist.parameters}
    for part in ("text_encoder", "text_encoder_2"):
        if part in parts:
            ids = torch.randint(1, TOKENS - 1, (2, WORDS), generator=torch.Generator().manual_seed(6))
            ids[0, 20:], ids[1, 70:] = TOKENS - 1, TOKENS - 1
            said = parts[part](ids, output_hidden_states=True)
            pooled = said.text_embeds if part == "text_encoder_2" else said.pooler_output
            out |= {f"{part}/words/ids": ids, f"{part}/words/last": said.last_hidden_state, f"{part}/words/before_last": said.hidden_states[-2],
                    f"{part}/words/pooled": pooled}
    return out


def walk(kind, config, steps):
    """Each step of a walk over made-up answers, one noise for each step that asks."""
    scheduler = kind(**config)
    if kind is LCMScheduler:
        scheduler.set_timesteps(steps, original_inference_steps=50)
    else:
        scheduler.set_timesteps(steps)
    n = 64
    first = float(getattr(scheduler, "init_noise_sigma", 1.0))
    x = random(1, 1, 1, 8, 8) * first
    said, noise, given, y, shown = random(2, steps, n), random(3, steps, n), x, [], []
    module = sys.modules[kind.__module__]
    for i, t in enumerate(scheduler.timesteps):
        module.randn_tensor = lambda *a, **k: noise[i].reshape(1, 1, 8, 8)
        shown.append(scheduler.scale_model_input(x, t).flatten() if hasattr(scheduler, "scale_model_input") else x.flatten())
        x = scheduler.step(said[i].reshape(1, 1, 8, 8), t, x, return_dict=False)[0]
        y.append(x.flatten())
    return dict(x=given.flatten(), said=said, noise=noise, y=torch.stack(y), shown=torch.stack(shown), times=scheduler.timesteps.float(),
                first_scale=torch.tensor([first])), json.dumps(dict(scheduler.config, _class_name=kind.__name__, steps=steps))


def drawn(name, parts):
    """A picture from tokens and noise, with guidance, by diffusers' own pipeline; two of them at once in the second case."""
    out, metadata = {}, {}
    for case, (kind, config, batch, high, wide, steps) in {
        "euler": (EulerDiscreteScheduler, dict(LATENT), 1, 16, 16, 6),
        "ancestral-pair": (EulerAncestralDiscreteScheduler, dict(LATENT, timestep_spacing="trailing"), 2, 8, 24, 4),
        "dpm": (DPMSolverMultistepScheduler, dict(LATENT, use_karras_sigmas=True), 1, 12, 8, 8),
        "ddim": (DDIMScheduler, dict(LATENT, clip_sample=False, set_alpha_to_one=False, steps_offset=1), 1, 8, 8, 5),
    }.items():
        scheduler = kind(**config)
        ids = {what: torch.randint(1, TOKENS - 1, (batch, WORDS), generator=torch.Generator().manual_seed(seed))
               for seed, what in enumerate(["ids", "avoid", "ids_2", "avoid_2"])}
        for x in ids.values():
            x[:, 30:] = TOKENS - 1
        latents, noise = random(7, batch, 4, high, wide), random(8, steps, batch, 4, high, wide)
        sys.modules[kind.__module__].randn_tensor = lambda *a, noise=iter(noise), **k: next(noise)
        given = dict(latents=latents.clone(), num_inference_steps=steps, guidance_scale=5.0, output_type="latent", height=2 * high, width=2 * wide)
        if name == "xl":
            pipe = StableDiffusionXLPipeline(**parts, tokenizer=None, tokenizer_2=None, scheduler=scheduler, add_watermarker=False)
            for what, negative in (("ids", ""), ("avoid", "negative_")):
                one, two = parts["text_encoder"](ids[what], output_hidden_states=True), parts["text_encoder_2"](ids[what + "_2"], output_hidden_states=True)
                given[negative + "prompt_embeds"] = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)
                given[negative + "pooled_prompt_embeds"] = two.text_embeds
        else:
            pipe = StableDiffusionPipeline(**parts, tokenizer=None, scheduler=scheduler, safety_checker=None, feature_extractor=None)
            given |= dict(prompt_embeds=parts["text_encoder"](ids["ids"])[0], negative_prompt_embeds=parts["text_encoder"](ids["avoid"])[0])
        pipe.set_progress_bar_config(disable=True)
        made = pipe(**given).images
        answers = dict(ids, latents=latents, noise=noise, guidance=torch.tensor([5.0]), drawn=made,
                       picture=parts["vae"].decode(made / parts["vae"].config.scaling_factor).sample)
        out |= {f"pipeline/{case}/{what}": x for what, x in answers.items()}
        metadata[f"pipeline/{case}"] = json.dumps(dict(scheduler.config, _class_name=kind.__name__))
    return out, metadata


def edited(parts):
    """A picture begun from another one, and one of which a part alone is drawn, by diffusers' own pipelines for that."""
    out, metadata = {}, {}
    schedulers = {
        "euler": (EulerDiscreteScheduler, dict(LATENT)),
        "ancestral": (EulerAncestralDiscreteScheduler, dict(LATENT, timestep_spacing="trailing")),
        "dpm": (DPMSolverMultistepScheduler, dict(LATENT, use_karras_sigmas=True)),
        "unipc": (UniPCMultistepScheduler, dict(LATENT)),
        "ddim": (DDIMScheduler, dict(LATENT, clip_sample=False, set_alpha_to_one=False, steps_offset=1)),
    }
    high, wide, steps = 8, 12, 10
    for seed, (case, (kind, config)) in enumerate(schedulers.items()):
        for way, strength in (("begun", 0.6), ("part", 0.5)):
            scheduler = kind(**config)
            ids = {what: torch.randint(1, TOKENS - 1, (1, WORDS), generator=torch.Generator().manual_seed(10 * seed + n)) for n, what in enumerate(["ids", "avoid"])}
            for x in ids.values():
                x[:, 30:] = TOKENS - 1
            latents, noise, begun = random(20 + seed, 1, 4, high, wide), random(40 + seed, steps, 1, 4, high, wide), random(60 + seed, 1, 4, high, wide)
            # Steps that are left out ask for no noise.
            sys.modules[kind.__module__].randn_tensor = lambda *a, noise=iter(noise[steps - int(steps * strength):]), **k: next(noise)
            made = StableDiffusionInpaintPipeline if way == "part" else StableDiffusionImg2ImgPipeline
            sys.modules[made.__module__].randn_tensor = lambda *a, latents=latents, **k: latents.clone()
            pipe = made(**parts, tokenizer=None, scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
            pipe.set_progress_bar_config(disable=True)
            given = dict(prompt_embeds=parts["text_encoder"](ids["ids"])[0], negative_prompt_embeds=parts["text_encoder"](ids["avoid"])[0],
                         image=begun, strength=strength, num_inference_steps=steps, guidance_scale=5.0, output_type="latent")
            answers = dict(ids, latents=latents, noise=noise, begun=begun, strength=torch.tensor([strength]), guidance=torch.tensor([5.0]))
            if way == "part":
                mask = torch.zeros(1, 1, high, wide)
                mask[..., 2:6, 3:9] = 1
                answers["mask"] = mask
                given |= dict(mask_image=mask.repeat_interleave(2, 2).repeat_interleave(2, 3), masked_image_latents=begun, height=2 * high, width=2 * wide)
            drawn = pipe(**given).images
            answers |= dict(drawn=drawn, picture=parts["vae"].decode(drawn / parts["vae"].config.scaling_factor).sample)
            out |= {f"pipeline/{way}-{case}/{what}": x for what, x in answers.items()}
            metadata[f"pipeline/{way}-{case}"] = json.dumps(dict(scheduler.config, _class_name=kind.__name__))
    return out, metadata


def vocabulary(folder, pad):
    """The tokens of CLIP, from the table that open_clip ships (the first lines of it, as CLIP itself takes them)."""
    shipped = Path(importlib.util.find_spec("open_clip").submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.open(shipped).read().decode().split("\n")[1:49152 - 256 - 2 + 1]
    # Bytes as letters (Radford et al. 2019): those that can be seen as themselves, the others behind all of Latin.
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in seen] + [chr(256 + n) for n in range(256 - len(seen))]
    words = letters + [x + "</w>" for x in letters] + ["".join(line.split()) for line in lines] + ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="CLIPTokenizer", pad_token=pad, bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>",
        model_max_length=WORDS)))


def prompts():
    """A thousand prompts: the policies' requests and near-misses in their languages, and writing that is hard to read."""
    found = [prompt for name in ("requests", "near-misses") for prompt in
             re.findall(r'^prompt = "(.*)"$', (Path(__file__).parents[2] / f"policies/tests/matching/{name}.toml").read_text(), re.M)]
    odd = ["", " ", "\t\n a  b ", "don't I'll we've THEY'RE it's", "ＦＵＬＬ width ﬁ ﬂ", "é e\u0301 Å Å", "🦄👩‍👩‍👧‍👦🇳🇿", "१२३ ٣٤ Ⅷ ½ 三", "a" * 400,
           "x " * 200, "<|endoftext|> and <|startoftext|>", "zero\u200bwidth\u00a0space", "ǅ ẞ İ ΑΣ ς", "\x00\x07\u202e", "C++ & <b>html</b> $%^ ~`", "\u0e44\u0e17\u0e22",
           "한국어 그림", "日本の浮世絵、北斎風", "(masterpiece:1.2), [ugly], {x}", "naïve café—“quotes” … ‘s", "ʻokina Hawaiʻi", "𝔣𝔯𝔞𝔨𝔱𝔲𝔯 𝟙𝟚𝟛"]
    many = odd + found
    return (many + [f"{a}, {b}" for a, b in zip(found, reversed(found))])[:1000]


def flows(folder):
    """The networks of Stable Diffusion 3 and 3.5, at two sizes and for two pictures at once, with their autoencoder."""
    for name, make in FLOWS.items():
        net, decoder, tensors = make(), flow_vae(13), {}
        for case, (batch, high, wide) in {"small": (1, 16, 16), "pair": (2, 8, 24)}.items():
            given = dict(x=random(1, batch, 16, high, wide), t=torch.tensor([981.0, 3.5][:batch]), words=random(2, batch, 11, 24),
                         pooled=random(3, batch, 40))
            given["y"] = net(given["x"], given["words"], given["pooled"], given["t"]).sample
            tensors |= {f"transformer/{case}/{what}": x for what, x in given.items()}
            latents = random(4, batch, 16, high, wide)
            tensors |= {f"vae/{case}/latents": latents, f"vae/{case}/picture": decoder.decode(latents).sample}
        metadata = {}
        for case, (batch, high, wide, steps, shift) in {"shifted": (1, 16, 16, 6, 3.0), "pair": (2, 8, 24, 4, 1.0)}.items():
            scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
            pipe = StableDiffusion3Pipeline(transformer=net, scheduler=scheduler, vae=decoder, text_encoder=None, tokenizer=None,
                                            text_encoder_2=None, tokenizer_2=None, text_encoder_3=None, tokenizer_3=None)
            pipe.set_progress_bar_config(disable=True)
            given = dict(latents=random(7, batch, 16, high, wide), words=random(8, batch, 11, 24), avoid_words=random(9, batch, 11, 24),
                         pooled=random(10, batch, 40), avoid_pooled=random(11, batch, 40))
            made = pipe(prompt_embeds=given["words"], negative_prompt_embeds=given["avoid_words"], pooled_prompt_embeds=given["pooled"],
                        negative_pooled_prompt_embeds=given["avoid_pooled"], latents=given["latents"].clone(), num_inference_steps=steps,
                        guidance_scale=5.0, height=2 * high, width=2 * wide, output_type="latent").images
            given |= dict(guidance=torch.tensor([5.0]), steps=torch.tensor([float(steps)]), drawn=made, picture=decoder.decode(
                made / decoder.config.scaling_factor + decoder.config.shift_factor).sample)
            tensors |= {f"flow/{case}/{what}": x for what, x in given.items()}
            metadata[f"flow/{case}"] = json.dumps(dict(scheduler.config, _class_name="FlowMatchEulerDiscreteScheduler"))
        net.save_pretrained(folder / name / "transformer")
        decoder.save_pretrained(folder / name / "vae")
        (folder / name / "model_index.json").write_text(json.dumps(
            {"_class_name": "StableDiffusion3Pipeline", "transformer": ["diffusers", "SD3Transformer2DModel"], "vae": ["diffusers", "AutoencoderKL"]}))
        save_file({what: x.contiguous().clone() for what, x in tensors.items()}, folder / f"{name}.safetensors", metadata)


def lora(name, parts, folder):
    """A low-rank adapter under kohya's names, mapped by diffusers' own code and added by hand; what the parts answer with it. XL's counts blocks
    as the first code of Stable Diffusion did."""
    counted = {"down_blocks.1.attentions.0": "input_blocks.4.1", "down_blocks.1.attentions.1": "input_blocks.5.1", "mid_block.attentions.0": "middle_block.1",
               "up_blocks.0.attentions.0": "output_blocks.0.1", "up_blocks.0.attentions.2": "output_blocks.2.1"} if name == "xl" else {}
    ends = ("attn1.to_q", "attn2.to_v", "attn2.to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in")
    file, generator = {}, torch.Generator().manual_seed(21)

    def add(prefix, layer, weight):
        outputs, inputs, *kernel = weight.shape
        for what, shape in (("lora_down", (3, inputs, *kernel)), ("lora_up", (outputs, 3, *[1] * len(kernel)))):
            file[f"{prefix}{layer.replace('.', '_')}.{what}.weight"] = torch.randn(shape, generator=generator) * 0.3
        file[f"{prefix}{layer.replace('.', '_')}.alpha"] = torch.tensor(2.0)

    for layer, module in parts["unet"].named_modules():
        if layer.endswith(ends) and "attentions" in layer:
            block = next((b for b in counted if layer.startswith(b + ".")), None)
            if counted and block is None:
                continue
            add("lora_unet_", counted[block] + layer[len(block):] if block else layer, module.weight)
    for part, prefix in (("text_encoder", "lora_te1_" if name == "xl" else "lora_te_"), ("text_encoder_2", "lora_te2_")):
        for layer, module in parts[part].named_modules() if part in parts else ():
            if layer.endswith(("q_proj", "out_proj", "fc1")):
                add(prefix, layer if layer.startswith("text_model.") else f"text_model.{layer}", module.weight)
    save_file(file, folder / f"{name}.lora")
    given = _maybe_map_sgm_blocks_to_diffusers(dict(file), parts["unet"].config) if counted else dict(file)
    mapped, alphas = _convert_non_diffusers_lora_to_diffusers(given)
    # The same once more under the names that older versions of diffusers gave them, which know no alpha.
    save_file({key: (x * (2.0 / 3.0) if ".up." in key else x).contiguous() for key, x in mapped.items()}, folder / f"{name}.lora-old")
    pairs, added = {}, 0
    for key, x in mapped.items():
        layer, way = re.fullmatch(r"(.*?)(?:_lora|\.lora|\.lora_linear_layer)\.(down|up)\.weight", key).groups()
        pairs.setdefault(layer.replace(".processor", ""), {})[way] = x
    for layer, pair in pairs.items():
        part, _, path = layer.partition(".")
        path = path.replace("to_out", "to_out.0") if part == "unet" else re.sub(r"self_attn\.to_(\w+)", r"self_attn.\1_proj", path)
        try:
            module = parts[part].get_submodule(path)
        except AttributeError:
            module = parts[part].get_submodule(path.removeprefix("text_model."))
        module.weight += 2.0 / 3.0 * (pair["up"].flatten(1) @ pair["down"].flatten(1)).reshape(module.weight.shape)
        added += 1
    assert added == len(file) // 3, (added, len(file) // 3)
    save_file({what: x.contiguous().clone() for what, x in networks(parts).items() if not what.startswith("vae/")}, folder / f"{name}.lora-record")


def joint(folder):
    """What Stable Diffusion 3 tells its network of two prompts, by both encoders and none for the third, as diffusers' pipeline puts it together."""
    for name in FLOWS:
        one, two = clip(10, "quick_gelu", 20, 31, 2, 49408, 2), clip(12, "gelu", 20, 32, 2, 49408, 2)
        vocabulary(folder / name / "tokenizer", "<|endoftext|>")
        vocabulary(folder / name / "tokenizer_2", "!")
        tokens = [CLIPTokenizer.from_pretrained(folder / name / part) for part in ("tokenizer", "tokenizer_2")]
        pipe = StableDiffusion3Pipeline(transformer=FLOWS[name](), scheduler=FlowMatchEulerDiscreteScheduler(), vae=flow_vae(13), text_encoder=one,
                                        tokenizer=tokens[0], text_encoder_2=two, tokenizer_2=tokens[1], text_encoder_3=None, tokenizer_3=None)
        prompts = ["a red apple", "a lighthouse at night, oil on canvas"]
        words, _, pooled, _ = pipe.encode_prompt(prompts, None, None, do_classifier_free_guidance=False, device="cpu")
        ids = [torch.tensor(t(prompts, padding="max_length", max_length=WORDS, truncation=True).input_ids) for t in tokens]
        one.save_pretrained(folder / name / "text_encoder")
        two.save_pretrained(folder / name / "text_encoder_2")
        pipe.scheduler.save_pretrained(folder / name / "scheduler")
        index = folder / name / "model_index.json"
        index.write_text(json.dumps(dict(json.loads(index.read_text()), text_encoder=["transformers", "CLIPTextModelWithProjection"],
                                         text_encoder_2=["transformers", "CLIPTextModelWithProjection"], tokenizer=["transformers", "CLIPTokenizer"],
                                         tokenizer_2=["transformers", "CLIPTokenizer"], scheduler=["diffusers", "FlowMatchEulerDiscreteScheduler"])))
        record = folder / f"{name}.safetensors"
        with safe_open(record, "pt") as f:
            tensors, metadata = {key: f.get_tensor(key) for key in f.keys()}, f.metadata()
        tensors |= {"joint/two/ids": ids[0], "joint/two/ids_2": ids[1], "joint/two/words": words, "joint/two/pooled": pooled}
        save_file({what: x.contiguous().clone() for what, x in tensors.items()}, record, metadata)


def main(folder):
    torch.set_grad_enabled(False)
    folder.mkdir(parents=True, exist_ok=True)
    flows(folder)
    joint(folder)
    for name, makers in MODELS.items():
        parts = {part: make() for part, make in makers.items()}
        for part, model in parts.items():
            # XL's network in several files, as large ones come.
            more = {"max_shard_size": "600KB"} if (name, part) == ("xl", "unet") else {}
            model.save_pretrained(folder / name / part, **more)
        index = {"_class_name": "StableDiffusionXLPipeline" if name == "xl" else "StableDiffusionPipeline"}
        index |= {part: ["diffusers" if part in ("unet", "vae") else "transformers", type(model).__name__] for part, model in parts.items()}
        (folder / name / "model_index.json").write_text(json.dumps(index))
        tensors = networks(parts)
        pictures, metadata = drawn(name, parts)
        tensors |= pictures
        if name == "sd15":
            more, described = edited(parts)
            tensors, metadata = tensors | more, metadata | described
            for case, (kind, config) in WALKS.items():
                for steps in (1, 4, 20):
                    answers, metadata[f"walk/{case}-{steps}"] = walk(kind, config, steps)
                    tensors |= {f"walk/{case}-{steps}/{what}": x for what, x in answers.items()}
        for part, pad in {"tokenizer": "<|endoftext|>" if name != "sd21" else "!", "tokenizer_2": "!"}.items():
            if part == "tokenizer" or name == "xl":
                vocabulary(folder / name / part, pad)
                tokenizer = CLIPTokenizer.from_pretrained(folder / name / part)
                said = tokenizer(prompts(), padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt").input_ids
                tensors[f"{part}/thousand/ids"], metadata[f"{part}/thousand"] = said, json.dumps(prompts())
        save_file({name: x.contiguous().clone() for name, x in tensors.items()}, folder / f"{name}.safetensors", metadata)
        lora(name, parts, folder)


main(Path(sys.argv[1]))
