"""Writes small MoE checkpoints with the outputs that Hugging Face transformers computes for them.

    pip install torch transformers safetensors
    python make_golden.py OUTPUT_DIRECTORY [MODEL_TYPE...]

For each model type: config.json and model.safetensors as save_pretrained writes them (so in the names
of the released checkpoints), only the MoE layers' tensors kept, and golden.safetensors with
`layer<L>/m<M>/input` and `layer<L>/m<M>/output` in F32. The model's own modules run in F32 on weights
that were first rounded to BF16, which is what is stored.
"""

import json
import pathlib
import re
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, CONFIG_MAPPING

TOKENS = (1, 7)
ATTENTION = dict(
    vocab_size=96, hidden_size=64, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2,
    max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2, tie_word_embeddings=False,
)
MLA = dict(
    num_key_value_heads=4, q_lora_rank=32, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=16,
)
DELTA = dict(
    head_dim=16, linear_conv_kernel_dim=4, linear_key_head_dim=16, linear_num_key_heads=2,
    linear_num_value_heads=4, linear_value_head_dim=16,
)
ROUTED = dict(intermediate_size=96, moe_intermediate_size=24, num_experts_per_tok=3)
GROUPED = dict(ROUTED, n_routed_experts=8, n_shared_experts=2, routed_scaling_factor=2.5, norm_topk_prob=True)
VISION = dict(depth=1, hidden_size=32, intermediate_size=32, num_heads=2, out_hidden_size=64)


def text_and_vision(model_type, text, **vision):
    return CONFIG_MAPPING[model_type](text_config=dict(ATTENTION, **text), vision_config=dict(VISION, **vision))


def plain(model_type, **values):
    return CONFIG_MAPPING[model_type](**dict(ATTENTION, **values))


# Which configs, and what is an MoE layer's part for this library: a function of the layer.
CASES = {
    "granitemoeshared": lambda: plain(
        "granitemoeshared", intermediate_size=24, num_local_experts=8, num_experts_per_tok=3,
        shared_intermediate_size=40),
    "granitemoehybrid": lambda: plain(
        "granitemoehybrid", intermediate_size=24, num_local_experts=8, num_experts_per_tok=3,
        shared_intermediate_size=40, mamba_n_heads=8, mamba_d_state=16,
        layer_types=["linear_attention", "full_attention"]),
    "ernie4_5_moe": lambda: plain(
        "ernie4_5_moe", intermediate_size=96, moe_intermediate_size=24, moe_k=3, moe_num_experts=8,
        moe_num_shared_experts=2, moe_layer_start_index=1),
    "hunyuan_v1_moe": lambda: plain(
        "hunyuan_v1_moe", intermediate_size=24, num_experts=8, moe_topk=[3, 3], head_dim=16),
    "dots1": lambda: plain("dots1", **dict(GROUPED, first_k_dense_replace=1)),
    "minimax": lambda: plain(
        "minimax", intermediate_size=24, num_local_experts=8, num_experts_per_tok=3, head_dim=16, block_size=16),
    "minimax_m2": lambda: plain(
        "minimax_m2", intermediate_size=24, num_local_experts=8, num_experts_per_tok=3, head_dim=16),
    "qwen3_next": lambda: plain(
        "qwen3_next", **DELTA, **ROUTED, num_experts=8, shared_expert_intermediate_size=40, norm_topk_prob=True,
        layer_types=["linear_attention", "full_attention"], mlp_only_layers=[0]),
    "flex_olmo": lambda: plain(
        "flex_olmo", intermediate_size=24, num_experts=8, num_experts_per_tok=3, norm_topk_prob=False),
    "lfm2_moe": lambda: plain(
        "lfm2_moe", **ROUTED, num_experts=8, num_dense_layers=1, layer_types=["conv", "full_attention"],
        routed_scaling_factor=1.5),
    "longcat_flash": lambda: plain(
        "longcat_flash", **MLA, num_layers=2, head_dim=8, ffn_hidden_size=96, expert_ffn_hidden_size=24, moe_topk=4,
        n_routed_experts=6, zero_expert_num=4, routed_scaling_factor=6.0),
    "nemotron_h": lambda: plain(
        "nemotron_h", **dict(GROUPED, n_group=2, topk_group=1), head_dim=16, mamba_num_heads=8, mamba_head_dim=16,
        n_groups=1, ssm_state_size=16, moe_shared_expert_intermediate_size=40, layers_block_type=["full_attention", "moe"]),
    "jamba": lambda: plain(
        "jamba", intermediate_size=24, num_experts=8, num_experts_per_tok=3, expert_layer_period=2,
        expert_layer_offset=1, attn_layer_period=2, attn_layer_offset=1, mamba_d_state=8, mamba_dt_rank=8),
    "deepseek_v32": lambda: plain(
        "deepseek_v32", **dict(GROUPED, n_group=4, topk_group=2, first_k_dense_replace=1), **MLA,
        index_head_dim=16, index_n_heads=2, index_topk=8),
    "glm4_moe_lite": lambda: plain("glm4_moe_lite", **GROUPED, **MLA, mlp_layer_types=["dense", "sparse"]),
    "exaone_moe": lambda: plain(
        "exaone_moe", **ROUTED, num_experts=8, num_shared_experts=2, n_group=4, topk_group=2,
        mlp_layer_types=["dense", "sparse"], layer_types=["full_attention", "full_attention"]),
    "afmoe": lambda: plain(
        "afmoe", **ROUTED, num_experts=8, num_shared_experts=2, num_dense_layers=1, route_scale=2.25, head_dim=16),
    "solar_open": lambda: plain("solar_open", **GROUPED, head_dim=16),
    "glm_moe_dsa": lambda: plain(
        "glm_moe_dsa", **GROUPED, **MLA, mlp_layer_types=["dense", "sparse"],
        index_head_dim=16, index_n_heads=2, index_topk=8),
    "mimo_v2_flash": lambda: plain(
        "mimo_v2_flash", **dict(GROUPED, n_shared_experts=None), head_dim=16, v_head_dim=16,
        mlp_layer_types=["dense", "sparse"], layer_types=["full_attention", "full_attention"]),
    "kimi_linear": lambda: plain(
        "kimi_linear", **ROUTED, **MLA, num_local_experts=8, n_shared_experts=2, n_group=4, topk_group=2,
        mlp_layer_types=["dense", "sparse"], layer_types=["full_attention", "full_attention"]),
    "hy_v3": lambda: plain(
        "hy_v3", **ROUTED, num_experts=8, num_shared_experts=2, router_scaling_factor=2.25, head_dim=16,
        mlp_layer_types=["dense", "sparse"]),
    "mellum": lambda: plain(
        "mellum", **ROUTED, num_experts=8, head_dim=16, norm_topk_prob=True, mlp_layer_types=["dense", "sparse"],
        layer_types=["full_attention", "full_attention"]),
    "laguna": lambda: plain(
        "laguna", **ROUTED, num_experts=8, head_dim=16, shared_expert_intermediate_size=40,
        moe_routed_scaling_factor=2.25, mlp_layer_types=["dense", "sparse"],
        layer_types=["full_attention", "full_attention"]),
    "granitemoe_swa": lambda: plain(
        "granitemoe_swa", intermediate_size=24, num_local_experts=8, num_experts_per_tok=3,
        layer_types=["full_attention", "full_attention"]),
    "glm4v_moe": lambda: text_and_vision(
        "glm4v_moe", dict(GROUPED, first_k_dense_replace=1, head_dim=16), image_size=28, patch_size=14),
    "qwen3_vl_moe": lambda: text_and_vision(
        "qwen3_vl_moe", dict(ROUTED, num_experts=8, head_dim=16, mlp_only_layers=[0]),
        deepstack_visual_indexes=[0], num_position_embeddings=16),
    "qwen3_5_moe": lambda: text_and_vision(
        "qwen3_5_moe", dict(DELTA, moe_intermediate_size=24, num_experts_per_tok=3, num_experts=8,
                            shared_expert_intermediate_size=40, layer_types=["linear_attention", "full_attention"]),
        num_position_embeddings=16),
}
BLOCKS = ("block_sparse_moe", "feed_forward", "mixer", "mlp")


def build(model_type):
    config = CASES[model_type]()
    if hasattr(config, "vision_config"):
        from transformers import AutoModelForImageTextToText

        return AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def randomise(model):
    """Weights of the size that keeps hidden states of size 1, biases that matter; all as BF16 holds them."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
            if not tensor.is_floating_point():
                continue
            if "bias" in name and tensor.dim() <= 2 and "conv" not in name:
                values = torch.randn(tensor.shape, generator=generator) * 0.1
            elif tensor.dim() >= 2:
                values = torch.randn(tensor.shape, generator=generator) / tensor.shape[-1] ** 0.5
            else:
                continue
            tensor.copy_(values.to(torch.bfloat16).float())


def moe_layers(model):
    """Each MoE layer's index and its function from hidden states to what is added to the residual."""
    base = model.model
    base = getattr(base, "language_model", base)
    for index, layer in enumerate(base.layers):
        for name in BLOCKS:
            block = getattr(layer, name, None)
            if block is not None and hasattr(block, "experts"):
                shared = getattr(layer, "shared_mlp", None)
                yield index, name, block, shared
                break


def run(block, shared, hidden):
    with torch.no_grad():
        output = block(hidden[None])
        output = output[0] if isinstance(output, tuple) else output
        if shared is not None:
            output = output + shared(hidden[None])
    return output.reshape(hidden.shape)


def write(model_type, directory):
    torch.manual_seed(3)
    model = build(model_type).eval()
    randomise(model)
    golden, indices = {}, {}
    for index, name, block, shared in moe_layers(model):
        indices[index] = name
        for tokens in TOKENS:
            hidden = torch.randn(tokens, 64, generator=torch.Generator().manual_seed(100 * index + tokens))
            golden[f"layer{index}/m{tokens}/input"] = hidden
            golden[f"layer{index}/m{tokens}/output"] = run(block, shared, hidden).contiguous()
    directory.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    stored = load_file(directory / "model.safetensors")
    kept = {
        name: tensor.contiguous()
        for name, tensor in stored.items()
        for index, block in indices.items()
        if re.search(rf"layers\.{index}\.({block}|block_sparse_moe|shared_mlp)\.", name) and "vis" not in name
    }
    save_file(kept, directory / "model.safetensors", metadata={"format": "pt"})
    save_file(golden, directory / "golden.safetensors")
    names = sorted({re.sub(r"experts\.\d+\.", "experts.N.", name) for name in kept})
    print(model_type, json.dumps([f"{n} {list(kept[n.replace('.N.', '.0.')].shape)}" for n in names], indent=1))


if __name__ == "__main__":
    print("transformers", transformers.__version__, "torch", torch.__version__)
    for wanted in sys.argv[2:] or CASES:
        try:
            write(wanted, pathlib.Path(sys.argv[1]) / wanted)
        except Exception as e:  # one model that a release can't make does not stop the others
            print("FAILED", wanted, repr(e)[:600])
