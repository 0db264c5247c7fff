"""Writes MoE layers of a safetensors golden case as a GGUF file, in tensor names and keys of llama.cpp's converters.

    pip install gguf numpy
    python make_gguf_golden.py ../resources/golden/hf/kimi_linear kimi-linear ../resources/golden/gguf/kimi-linear
    python make_gguf_golden.py ../resources/golden/hf/step3p5 step35 ../resources/golden/gguf/step35 0 1
    python make_gguf_golden.py ../resources/golden/hf/granitemoeshared granite_swa ../resources/golden/gguf/granite_swa

The layers are the ones that are said, or else the first. Weights stay BF16 as they are, so the outputs that
transformers computed for the case hold for the file as well: those of the layers are copied. Names and keys:
gguf-py's constants.py and llama.cpp's src/models.
"""

import json
import pathlib
import re
import struct
import sys

import gguf
import numpy as np

# What a block's tensor is called, by the end of its name in the safetensors file.
NAMES = [
    (r"(router\.)?gate\.weight", "ffn_gate_inp.weight"),
    (r"router\.proj\.weight", "ffn_gate_inp.weight"),
    (r"router(\.layer)?\.weight", "ffn_gate_inp.weight"),
    (r"router\.scale", "ffn_gate_inp.scale"),
    (r"router\.per_expert_scale", "ffn_down_exps.scale"),
    (r"pre_feedforward_layernorm_2\.weight", "pre_ffw_norm_2.weight"),
    (r"gate\.tid2eid", "ffn_gate_tid2eid.weight"),
    (r"(gate\.|experts\.)?(e_score_correction_bias|expert_bias|router_bias|bias)", "exp_probs_b.bias"),
    (r"experts\.\d+\.(gate_proj|w1)\.weight", "ffn_gate_exps.weight"),
    (r"experts\.\d+\.(up_proj|w3)\.weight", "ffn_up_exps.weight"),
    (r"experts\.\d+\.(down_proj|w2)\.weight", "ffn_down_exps.weight"),
    (r"experts\.gate_up_proj|input_linear\.weight", "ffn_gate_up_exps.weight"),
    (r"experts\.down_proj|output_linear\.weight", "ffn_down_exps.weight"),
    (r"fc1_latent_proj\.weight", "ffn_latent_down.weight"),
    (r"fc2_latent_proj\.weight", "ffn_latent_up.weight"),
    (r"shared_mlp\.input_linear\.weight", "ffn_up_shexp.weight"),
    (r"shared_mlp\.output_linear\.weight", "ffn_down_shexp.weight"),
    (r"(gate|up|down)_proj\.weight", r"ffn_\1_exps.weight"),
    (r"shared?_(?:expert|experts|mlp)\.(gate|up|down)_proj\.weight", r"ffn_\1_shexp.weight"),
    (r"shared_experts\.linear_gate\.weight", "ffn_gate_shexp.weight"),
    (r"shared_experts\.w1\.weight", "ffn_gate_shexp.weight"),
    (r"shared_experts\.w3\.weight", "ffn_up_shexp.weight"),
    (r"shared_experts\.w2\.weight", "ffn_down_shexp.weight"),
    (r"shared_expert_gate\.weight", "ffn_gate_inp_shexp.weight"),
]

# A key of the architecture, by the config's key.
KEYS = {
    "num_experts_per_tok": "expert_used_count",
    "num_experts_per_token": "expert_used_count",
    "moe_top_k": "expert_used_count",
    "top_k_experts": "expert_used_count",
    "n_shared_experts": "expert_shared_count",
    "num_shared_experts": "expert_shared_count",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "moe_shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "share_expert_dim": "expert_shared_feed_forward_length",
    "norm_topk_prob": "expert_weights_norm",
    "moe_renormalize": "expert_weights_norm",
    "norm_expert_weight": "expert_weights_norm",
    "routed_scaling_factor": "expert_weights_scale",
    "router_scaling_factor": "expert_weights_scale",
    "moe_routed_scaling_factor": "expert_weights_scale",
    "moe_router_scaling_factor": "expert_weights_scale",
    "moe_latent_size": "moe_latent_size",
    "n_group": "expert_group_count",
    "num_expert_group": "expert_group_count",
    "topk_group": "expert_group_used_count",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
}

# Limits of SwiGLU, by the config's key: a number for each layer. Hunyuan 4 has none for its shared expert.
LIMITS = {
    "swiglu_limit": ["swiglu_clamp_exp", "swiglu_clamp_shexp"],
    "swiglu_limits": ["swiglu_clamp_exp"],
    "swiglu_limits_shared": ["swiglu_clamp_shexp"],
}

# Gates and ups in one tensor of the checkpoint are two tensors of these architectures.
APART = ["hy_v4"]

# What belongs to whoever runs the layer.
GEMMA = ["gemma4", "diffusion-gemma"]
OTHERS = {name: r"mlp\..*|post_.*|pre_feedforward_layernorm\..*" for name in GEMMA}


def read(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            kind = {"BF16": np.uint16, "F32": np.float32, "I64": np.int64}[entry["dtype"]]
            tensors[name] = np.frombuffer(data[begin:end], dtype=kind).reshape(entry["shape"])
    return tensors


def write(path, tensors):
    header, data = {}, b""
    for name, values in sorted(tensors.items()):
        begin = len(data)
        data += values.tobytes()
        dtype = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64"}[values.dtype]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def named(end):
    for pattern, name in NAMES:
        match = re.fullmatch(pattern, end)
        if match:
            return match.expand(name)
    raise ValueError(f"no name for {end}")


def floats(values):
    return values if values.dtype == np.float32 else (values.astype(np.uint32) << 16).view(np.float32)


def main(source, architecture, target, layers):
    config = json.loads((source / "config.json").read_text())
    config = config.get("text_config", config)
    golden = read(source / "golden.safetensors")
    layers = layers or [int(re.match(r"layer(\d+)/", sorted(golden)[0]).group(1))]
    tensors = read(source / "model.safetensors")
    blocks = {layer: block_of(tensors, layer, architecture) for layer in layers}
    target.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(target / "model.gguf", architecture)
    write_keys(writer, architecture, config, blocks[layers[-1]], layers[-1])
    for layer, block in blocks.items():
        for name, values in block.items():
            if values.dtype == np.int64:
                writer.add_tensor(f"blk.{layer}.{name}", values.astype(np.int32))
            elif name.startswith(("exp_probs", "ffn_gate_inp", "pre_")) or name.endswith(".scale"):
                values = floats(values)
                writer.add_tensor(f"blk.{layer}.{name}", values.squeeze() if "shexp" in name else values)
            elif values.dtype == np.uint16:
                writer.add_tensor(
                    f"blk.{layer}.{name}",
                    np.ascontiguousarray(values).view(np.uint8),
                    raw_dtype=gguf.GGMLQuantizationType.BF16,
                )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    wanted = rf"layer({'|'.join(map(str, layers))})/m(1|7)/"
    for name in ("golden.safetensors", "golden_extra.safetensors"):
        if (source / name).exists():
            found = read(source / name)
            write(target / name, {name: values for name, values in found.items() if re.match(wanted, name)})


def block_of(tensors, layer, architecture):
    block = {}
    for name, values in sorted(tensors.items(), key=lambda entry: order(entry[0])):
        match = re.search(rf"\blayers\.{layer}\.((?:mlp\.|mixer\.|moe\.|ffn\.|block_sparse_moe\.)?(.*))", name)
        if match and not re.fullmatch(OTHERS.get(architecture, "-"), match.group(1)):
            block.setdefault(named(match.group(2)), []).append(values)
    block = {
        name: parts[0] if "_exps.weight" not in name or parts[0].ndim == 3 else np.stack(parts)
        for name, parts in block.items()
    }
    if architecture in APART:
        both = block.pop("ffn_gate_up_exps.weight")
        block["ffn_gate_exps.weight"], block["ffn_up_exps.weight"] = np.split(both, 2, axis=1)
    return block


def order(name):
    expert = re.search(r"experts\.(\d+)\.", name)
    return int(expert.group(1)) if expert else 0


def write_keys(writer, architecture, config, block, layer):
    experts, size = block["ffn_gate_inp.weight"].shape[0], block["ffn_down_exps.weight"].shape[-1]
    writer.add_uint32(f"{architecture}.block_count", layer + 1)
    writer.add_uint32(f"{architecture}.embedding_length", config["hidden_size"])
    writer.add_uint32(f"{architecture}.expert_count", experts)
    writer.add_uint32(f"{architecture}.expert_feed_forward_length", size)
    values = {new: config[old] for old, new in KEYS.items() if config.get(old) is not None}
    if architecture not in GEMMA:
        values.pop("attention.layer_norm_rms_epsilon", None)
    if architecture == "deepseek4":
        values["hash_layer_count"] = config["mlp_layer_types"].count("hash_moe")
        values["expert_weights_norm"] = True
    if architecture in ("hy_v3", "laguna"):
        values.setdefault("expert_weights_norm", True)  # always so in these
    if "exp_probs_b.bias" in block or config.get("expert_selection_fn") == "sigmoid":
        values["expert_gating_func"] = 4 if architecture == "deepseek4" else 2
    if "ffn_down_shexp.weight" in block:
        values.setdefault("expert_shared_feed_forward_length", block["ffn_down_shexp.weight"].shape[1])
    for key, value in values.items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}[type(value)]
        add(f"{architecture}.{key}", value)
    for old, keys in LIMITS.items():
        if config.get(old) is not None:
            limits = config[old] if isinstance(config[old], list) else [config[old]] * (layer + 1)
            for key in keys[: 1 if architecture == "hy_v4" else None]:
                writer.add_array(f"{architecture}.{key}", [float(limit) for limit in limits[: layer + 1]])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]), [int(layer) for layer in sys.argv[4:]])
