"""Makes blocks.safetensors: random blocks of each of ggml's formats and their values.

The values come from the `gguf` package (pip install gguf==0.19.0), which is not ours and does not share code with us:
`python make-blocks.py`. `<type>/bytes` is U8 [blocks, bytes], `<type>/values` F32 [blocks, columns]. The codebooks of
the IQ types, whole, are `<type>/codebook`, U8 [entries, levels], for what is less than 0 with 256 added.
"""

import json
import struct

import numpy as np
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

BLOCKS = 4
# Where each format has its F16 numbers; all other bytes may be anything.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
    "TQ1_0": [52], "TQ2_0": [64], "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0],
    "IQ3_S": [0],
}
# Where IQ1_M has the upper bytes of four shorts, whose upper halves are an F16.
IQ1_M = [49, 51, 53, 55]
CODEBOOKS = ["IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"]
SCALES = np.array([0.0123, -1.75, 6.1e-7, 311.0, 0.5, -0.031, 1e-3, 2.0], dtype=np.float16)

random = np.random.default_rng(20261125)
tensors = {}
for name, halves in HALVES.items():
    kind = GGMLQuantizationType[name]
    columns, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for row in range(BLOCKS):
        for i, at in enumerate(halves):
            blocks[row, at : at + 2] = SCALES[2 * row + i : 2 * row + i + 1].view(np.uint8)
        if name == "MXFP4":
            blocks[row, 0] = [1, 120, 130, 240][row]
        if name == "IQ1_M":
            (half,) = SCALES[2 * row : 2 * row + 1].view(np.uint16)
            for i, at in enumerate(IQ1_M):
                blocks[row, at] = blocks[row, at] & 15 | (int(half) >> (4 * i) & 15) << 4
    values = quants.dequantize(blocks, kind).astype(np.float32)
    tensors[name + "/bytes"] = ("U8", blocks)
    tensors[name + "/values"] = ("F32", values.reshape(BLOCKS, columns))
for name in CODEBOOKS:
    kind = getattr(quants, name)
    kind.init_grid()
    tensors[name + "/codebook"] = ("U8", kind.grid.reshape(kind.grid_shape).astype(np.int8).view(np.uint8))

header, data = {}, b""
for name, (dtype, array) in sorted(tensors.items(), key=lambda t: -t[1][1].itemsize):
    raw = array.tobytes()
    header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("blocks.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
