"""Makes codebooks.txt, the levels that ggml's IQ formats choose from, out of the `gguf` package.

    pip install gguf==0.19.0 numpy
    python make-codebooks.py ../../../main/resources/dev/tornadomoe/tensor/block/codebooks.txt

It has a line for each codebook with its name and its levels, and under it the entries, a digit for each level.
"""

import sys

import numpy as np
from gguf import quants

BOOKS = ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"]

lines = [
    "# The codebooks of ggml's IQ formats: which levels stand side by side. They are part of the formats, and come from",
    "# ggml-common.h of llama.cpp (https://github.com/ggml-org/llama.cpp, MIT licence) by way of its Python package,",
    "# gguf 0.19.0 (src/test/resources/gguf/make-codebooks.py). A line with the levels, then the entries, a digit for",
    "# each level.",
]
for name in BOOKS:
    kind = getattr(quants, name)
    kind.init_grid()
    levels = list(kind.grid_map)
    entries = np.vectorize(levels.index)(kind.grid.reshape(kind.grid_shape).astype(int))
    words = ["".join(map(str, entry)) for entry in entries]
    per_line = 119 // (len(words[0]) + 1)
    lines.append(" ".join([name] + [str(level) for level in levels]))
    lines += [" ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
with open(sys.argv[1], "w") as file:
    file.write("\n".join(lines) + "\n")
