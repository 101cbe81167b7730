//! A tiny Stable Diffusion with made-up numbers, in the folder layout of diffusers: every part is there, and nothing it draws means anything.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Channels at the two levels of network and autoencoder.
const WIDTHS: [usize; 2] = [8, 16];
/// Width of the words.
const WORDS: usize = 8;
/// Tokens that the encoder knows.
const VOCABULARY: usize = 514;

/// Tensors of one part: names and shapes.
#[derive(Default)]
struct Part(Vec<(String, Vec<usize>)>);

impl Part {
    fn tensor(&mut self, name: String, shape: &[usize]) {
        self.0.push((name, shape.to_vec()));
    }

    fn layer(&mut self, name: &str, shape: &[usize], bias: bool) {
        self.tensor(format!("{name}.weight"), shape);
        if bias {
            self.tensor(format!("{name}.bias"), &shape[..1]);
        }
    }

    fn residual(&mut self, name: &str, inputs: usize, outputs: usize, time: Option<usize>) {
        self.layer(&format!("{name}.norm1"), &[inputs], true);
        self.layer(&format!("{name}.conv1"), &[outputs, inputs, 3, 3], true);
        if let Some(time) = time {
            self.layer(&format!("{name}.time_emb_proj"), &[outputs, time], true);
        }
        self.layer(&format!("{name}.norm2"), &[outputs], true);
        self.layer(&format!("{name}.conv2"), &[outputs, outputs, 3, 3], true);
        if inputs != outputs {
            self.layer(&format!("{name}.conv_shortcut"), &[outputs, inputs, 1, 1], true);
        }
    }

    fn attention(&mut self, name: &str, width: usize, context: usize, bias: bool) {
        self.layer(&format!("{name}.to_q"), &[width, width], bias);
        self.layer(&format!("{name}.to_k"), &[width, context], bias);
        self.layer(&format!("{name}.to_v"), &[width, context], bias);
        self.layer(&format!("{name}.to_out.0"), &[width, width], true);
    }

    fn transformer(&mut self, name: &str, width: usize) {
        self.layer(&format!("{name}.norm"), &[width], true);
        self.layer(&format!("{name}.proj_in"), &[width, width, 1, 1], true);
        let block = format!("{name}.transformer_blocks.0");
        for norm in ["norm1", "norm2", "norm3"] {
            self.layer(&format!("{block}.{norm}"), &[width], true);
        }
        self.attention(&format!("{block}.attn1"), width, width, false);
        self.attention(&format!("{block}.attn2"), width, WORDS, false);
        self.layer(&format!("{block}.ff.net.0.proj"), &[8 * width, width], true);
        self.layer(&format!("{block}.ff.net.2"), &[width, 4 * width], true);
        self.layer(&format!("{name}.proj_out"), &[width, width, 1, 1], true);
    }

    /// Numbers from `seed`, small enough that nothing overflows.
    fn bytes(&self, seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let raw: Vec<Vec<u8>> = self
            .0
            .iter()
            .map(|(name, shape)| {
                let fan: usize = shape.iter().skip(1).product();
                let (middle, spread) = match (shape.len(), name.ends_with(".weight")) {
                    (1, true) => (1.0, 0.1),
                    (1, false) => (0.0, 0.1),
                    _ => (0.0, 1.7 / (fan as f32).sqrt()),
                };
                let next = |_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    middle + spread * ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
                };
                (0..shape.iter().product::<usize>()).map(next).flat_map(f32::to_le_bytes).collect()
            })
            .collect();
        let views: BTreeMap<&str, TensorView> = self
            .0
            .iter()
            .zip(&raw)
            .map(|((name, shape), raw)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), raw).unwrap()))
            .collect();
        safetensors::serialize(views, None).unwrap()
    }
}

fn unet() -> Part {
    let (mut p, [low, high], time) = (Part::default(), WIDTHS, 4 * WIDTHS[0]);
    p.layer("conv_in", &[low, 4, 3, 3], true);
    p.layer("time_embedding.linear_1", &[time, low], true);
    p.layer("time_embedding.linear_2", &[time, time], true);
    p.residual("down_blocks.0.resnets.0", low, low, Some(time));
    p.transformer("down_blocks.0.attentions.0", low);
    p.layer("down_blocks.0.downsamplers.0.conv", &[low, low, 3, 3], true);
    p.residual("down_blocks.1.resnets.0", low, high, Some(time));
    p.residual("mid_block.resnets.0", high, high, Some(time));
    p.transformer("mid_block.attentions.0", high);
    p.residual("mid_block.resnets.1", high, high, Some(time));
    p.residual("up_blocks.0.resnets.0", 2 * high, high, Some(time));
    p.residual("up_blocks.0.resnets.1", high + low, high, Some(time));
    p.layer("up_blocks.0.upsamplers.0.conv", &[high, high, 3, 3], true);
    p.residual("up_blocks.1.resnets.0", high + low, low, Some(time));
    p.transformer("up_blocks.1.attentions.0", low);
    p.residual("up_blocks.1.resnets.1", 2 * low, low, Some(time));
    p.transformer("up_blocks.1.attentions.1", low);
    p.layer("conv_norm_out", &[low], true);
    p.layer("conv_out", &[4, low, 3, 3], true);
    p
}

fn vae() -> Part {
    let (mut p, [low, high]) = (Part::default(), WIDTHS);
    for (half, first, last) in [("encoder", 3, 8), ("decoder", 4, 3)] {
        let (outer, inner) = if half == "encoder" { (low, high) } else { (high, low) };
        p.layer(&format!("{half}.conv_in"), &[outer, first, 3, 3], true);
        p.residual(&format!("{half}.mid_block.resnets.0"), high, high, None);
        p.layer(&format!("{half}.mid_block.attentions.0.group_norm"), &[high], true);
        p.attention(&format!("{half}.mid_block.attentions.0"), high, high, true);
        p.residual(&format!("{half}.mid_block.resnets.1"), high, high, None);
        if half == "encoder" {
            p.residual("encoder.down_blocks.0.resnets.0", low, low, None);
            p.layer("encoder.down_blocks.0.downsamplers.0.conv", &[low, low, 3, 3], true);
            p.residual("encoder.down_blocks.1.resnets.0", low, high, None);
        } else {
            for n in 0..2 {
                p.residual(&format!("decoder.up_blocks.0.resnets.{n}"), high, high, None);
                p.residual(&format!("decoder.up_blocks.1.resnets.{n}"), if n == 0 { high } else { low }, low, None);
            }
            p.layer("decoder.up_blocks.0.upsamplers.0.conv", &[high, high, 3, 3], true);
        }
        let end = if half == "encoder" { high } else { inner };
        p.layer(&format!("{half}.conv_norm_out"), &[end], true);
        p.layer(&format!("{half}.conv_out"), &[last, end, 3, 3], true);
    }
    p.layer("quant_conv", &[8, 8, 1, 1], true);
    p.layer("post_quant_conv", &[4, 4, 1, 1], true);
    p
}

fn text_encoder() -> Part {
    let mut p = Part::default();
    p.tensor("text_model.embeddings.token_embedding.weight".into(), &[VOCABULARY, WORDS]);
    p.tensor("text_model.embeddings.position_embedding.weight".into(), &[77, WORDS]);
    for i in 0..2 {
        let block = format!("text_model.encoder.layers.{i}");
        p.layer(&format!("{block}.layer_norm1"), &[WORDS], true);
        p.layer(&format!("{block}.layer_norm2"), &[WORDS], true);
        for layer in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            p.layer(&format!("{block}.self_attn.{layer}"), &[WORDS, WORDS], true);
        }
        p.layer(&format!("{block}.mlp.fc1"), &[2 * WORDS, WORDS], true);
        p.layer(&format!("{block}.mlp.fc2"), &[WORDS, 2 * WORDS], true);
    }
    p.layer("text_model.final_layer_norm", &[WORDS], true);
    p
}

/// Bytes as letters, as CLIP's tokens have them: those that can be seen as themselves, the others behind all of Latin.
fn letters() -> Vec<char> {
    let seen: Vec<u32> = (33..127).chain(161..173).chain(174..256).collect();
    (0u32..256)
        .scan(0, |hidden, byte| {
            let letter = if seen.contains(&byte) {
                byte
            } else {
                *hidden += 1;
                255 + *hidden
            };
            char::from_u32(letter)
        })
        .collect()
}

/// Writes the model; another `seed` is another model of the same sizes.
pub fn write_tiny_model(folder: &Path, seed: u64) {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    put(
        "model_index.json",
        br#"{"_class_name":"StableDiffusionPipeline","scheduler":["diffusers","PNDMScheduler"],"text_encoder":["transformers","CLIPTextModel"],
            "tokenizer":["transformers","CLIPTokenizer"],"unet":["diffusers","UNet2DConditionModel"],"vae":["diffusers","AutoencoderKL"]}"#,
    );
    put(
        "scheduler/scheduler_config.json",
        br#"{"_class_name":"PNDMScheduler","beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear","steps_offset":1}"#,
    );
    put(
        "unet/config.json",
        br#"{"sample_size":32,"in_channels":4,"out_channels":4,"block_out_channels":[8,16],"layers_per_block":1,"norm_num_groups":4,
            "down_block_types":["CrossAttnDownBlock2D","DownBlock2D"],"up_block_types":["UpBlock2D","CrossAttnUpBlock2D"],
            "cross_attention_dim":8,"attention_head_dim":2}"#,
    );
    put(
        "vae/config.json",
        br#"{"in_channels":3,"out_channels":3,"latent_channels":4,"block_out_channels":[8,16],"layers_per_block":1,"norm_num_groups":4}"#,
    );
    put(
        "text_encoder/config.json",
        br#"{"vocab_size":514,"hidden_size":8,"intermediate_size":16,"num_hidden_layers":2,"num_attention_heads":2,
            "max_position_embeddings":77,"hidden_act":"quick_gelu","eos_token_id":2}"#,
    );
    let letters = letters();
    let mut words: Vec<String> = letters.iter().map(char::to_string).collect();
    words.extend(letters.iter().map(|letter| format!("{letter}</w>")));
    words.extend(["<|startoftext|>".to_owned(), "<|endoftext|>".to_owned()]);
    let vocabulary: BTreeMap<String, usize> = words.into_iter().enumerate().map(|(n, word)| (word, n)).collect();
    put("tokenizer/vocab.json", serde_json::to_string(&vocabulary).unwrap().as_bytes());
    put("tokenizer/merges.txt", b"#version: 0.2\n");
    put("unet/diffusion_pytorch_model.safetensors", &unet().bytes(seed));
    put("vae/diffusion_pytorch_model.safetensors", &vae().bytes(seed + 1));
    put("text_encoder/model.safetensors", &text_encoder().bytes(seed + 2));
}

/// A LoRA of rank 2 for the layers it names, each with the shape of its tensor; `first` begins its names and `dots` says whether they stay
/// dotted (diffusers) or are joined (kohya).
pub fn tiny_lora(layers: &[(&str, usize, usize)], dots: bool, seed: u64) -> Vec<u8> {
    let mut p = Part::default();
    for (layer, inputs, outputs) in layers {
        let (base, down, up) = match dots {
            true => (format!("unet.{layer}"), "lora_A", "lora_B"),
            false => (format!("lora_unet_{}", layer.replace('.', "_")), "lora_down", "lora_up"),
        };
        p.tensor(format!("{base}.{down}.weight"), &[2, *inputs]);
        p.tensor(format!("{base}.{up}.weight"), &[*outputs, 2]);
    }
    p.bytes(seed)
}
