"""Writes a GGUF file with MoE layers in ggml's IQ formats, and what transformers' Mixtral computes with their values.

    pip install gguf==0.19.0 torch==2.13.0+cpu transformers==5.18.0
    python make_iq_golden.py ../resources/golden/gguf/mixtral-iq

The `gguf` package reads these formats and can't write them, so blocks are random bytes with sound scales.
"""

import json
import pathlib
import struct
import sys

import gguf
import numpy as np
import torch
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from transformers.models.mixtral.configuration_mixtral import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

EXPERTS, TOP_K, HIDDEN, INTERMEDIATE = 4, 2, 256, 256
# Gate and up, and down, of each layer.
LAYERS = [("IQ2_XXS", "IQ3_XXS"), ("IQ2_XS", "IQ2_S"), ("IQ3_S", "IQ2_XS"), ("IQ1_S", "IQ1_M")]
ROWS = [1, 7]
# An F16 d that makes elements some 0.06 wide.
WIDTHS = {"IQ2_XXS": 8e-4, "IQ2_XS": 8e-4, "IQ2_S": 8e-4, "IQ3_XXS": 4e-4, "IQ3_S": 5e-4, "IQ1_S": 9e-3, "IQ1_M": 9e-3}


def blocks(random, name, rows, columns):
    run, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    found = random.integers(0, 256, (rows * columns // run, size), dtype=np.uint8)
    d = (random.uniform(0.5, 1.5, len(found)) * WIDTHS[name]).astype(np.float16)
    if name == "IQ1_M":
        for i, at in enumerate([49, 51, 53, 55]):
            found[:, at] = found[:, at] & 15 | ((d.view(np.uint16) >> (4 * i) & 15) << 4).astype(np.uint8)
    else:
        found[:, :2] = d.view(np.uint8).reshape(-1, 2)
    return found.reshape(rows, columns // run * size)


def values(raw, name):
    return torch.from_numpy(quants.dequantize(raw, GGMLQuantizationType[name]).astype(np.float32))


def write(path, tensors):
    header, data = {}, b""
    for name, found in sorted(tensors.items()):
        raw = found.numpy().astype(np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(found.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main(target):
    random = np.random.default_rng(20261130)
    config = MixtralConfig(
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_local_experts=EXPERTS,
        num_experts_per_tok=TOP_K,
        experts_implementation="eager",
    )
    target.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(target / "model.gguf", "llama")
    writer.add_uint32("llama.block_count", len(LAYERS))
    writer.add_uint32("llama.embedding_length", HIDDEN)
    writer.add_uint32("llama.feed_forward_length", INTERMEDIATE)
    writer.add_uint32("llama.expert_count", EXPERTS)
    writer.add_uint32("llama.expert_used_count", TOP_K)
    golden = {}
    for layer, (first, second) in enumerate(LAYERS):
        router = (random.standard_normal((EXPERTS, HIDDEN)) / 16).astype(np.float32)
        gate = [blocks(random, first, INTERMEDIATE, HIDDEN) for _ in range(EXPERTS)]
        up = [blocks(random, first, INTERMEDIATE, HIDDEN) for _ in range(EXPERTS)]
        down = [blocks(random, second, HIDDEN, INTERMEDIATE) for _ in range(EXPERTS)]
        writer.add_tensor(f"blk.{layer}.ffn_gate_inp.weight", router)
        for name, raw, kind in (("gate", gate, first), ("up", up, first), ("down", down, second)):
            writer.add_tensor(
                f"blk.{layer}.ffn_{name}_exps.weight", np.stack(raw), raw_dtype=GGMLQuantizationType[kind]
            )
        block = MixtralSparseMoeBlock(config).eval()
        with torch.no_grad():
            block.gate.weight.copy_(torch.from_numpy(router))
            for e in range(EXPERTS):
                both = torch.cat([values(gate[e], first), values(up[e], first)])
                block.experts.gate_up_proj[e].copy_(both)
                block.experts.down_proj[e].copy_(values(down[e], second))
            for rows in ROWS:
                x = torch.from_numpy(random.standard_normal((rows, HIDDEN)).astype(np.float32))
                y = block(x.unsqueeze(0))
                golden[f"layer{layer}/m{rows}/input"] = x
                golden[f"layer{layer}/m{rows}/output"] = (y[0] if isinstance(y, tuple) else y).reshape(rows, HIDDEN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write(target / "golden.safetensors", golden)
    for name, found in golden.items():
        print(name, float(found.square().mean().sqrt()))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
