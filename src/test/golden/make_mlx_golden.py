"""Computes again what an MLX checkpoint's MoE layers give, in double, from MLX's published layout alone.

    pip install numpy
    python make_mlx_golden.py ../resources/golden/w4a16/qwen3_moe-mlx_g32

Reads DIRECTORY's config.json and model.safetensors (qwen3_moe, `switch_mlp`, affine mode) and the inputs of its
golden.safetensors, and writes their outputs there. An affine weight is `scale * code + bias` for each group of
columns, codes from a word's lowest bits on (https://ml-explore.github.io/mlx/build/html/python/_autosummary/
mlx.core.quantize.html).
"""

import json
import pathlib
import struct
import sys

import numpy as np


def bf16(raw):
    return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64)


READERS = {
    "F32": lambda raw: raw.view(np.float32).astype(np.float64),
    "BF16": bf16,
    "U32": lambda raw: raw.view(np.uint32),
}


def read(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            raw = np.frombuffer(data[begin:end], dtype=np.uint8)
            tensors[name] = READERS[entry["dtype"]](raw).reshape(entry["shape"])
    return tensors


def write(path, tensors):
    header, data = {}, b""
    for name, values in sorted(tensors.items()):
        begin = len(data)
        data += values.astype(np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def dequantise(tensors, module, quantisation):
    bits, group = quantisation["bits"], quantisation["group_size"]
    words = tensors[module + ".weight"]
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    codes = ((words[..., None] >> shifts) & (2**bits - 1)).reshape(*words.shape[:-1], -1)
    scales = np.repeat(tensors[module + ".scales"], group, axis=-1)
    biases = np.repeat(tensors[module + ".biases"], group, axis=-1)
    return codes * scales + biases


def layer(tensors, config, index, hidden):
    prefix = f"model.layers.{index}.mlp."
    gate, up, down = (
        dequantise(tensors, f"{prefix}switch_mlp.{name}_proj", config["quantization"])
        for name in ("gate", "up", "down")
    )
    logits = hidden @ tensors[prefix + "gate.weight"].T
    scores = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    output = np.zeros_like(hidden)
    for token, x in enumerate(hidden):
        chosen = np.argsort(-scores[token], kind="stable")[: config["num_experts_per_tok"]]
        weights = scores[token][chosen]
        if config["norm_topk_prob"]:
            weights = weights / weights.sum()
        for expert, weight in zip(chosen, weights):
            g = gate[expert] @ x
            output[token] += weight * (down[expert] @ (g / (1 + np.exp(-g)) * (up[expert] @ x)))
    return output


def main(directory):
    config = json.loads((directory / "config.json").read_text())
    tensors = read(directory / "model.safetensors")
    golden = read(directory / "golden.safetensors")
    for name in [name for name in golden if name.endswith("/input")]:
        index = int(name.split("/")[0].removeprefix("layer"))
        output = layer(tensors, config, index, golden[name])
        before = golden[name.replace("input", "output")]
        print(f"{name}: differs by {np.abs(output - before).max() / np.sqrt((output**2).mean()):.1e} x rms from before")
        golden[name.replace("input", "output")] = output
    write(directory / "golden.safetensors", golden)


main(pathlib.Path(sys.argv[1]))
