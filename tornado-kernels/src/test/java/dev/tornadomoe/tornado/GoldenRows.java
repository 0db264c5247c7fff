package dev.tornadomoe.tornado;

import dev.tornadomoe.checkpoint.safetensors.SafetensorsFile;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;

/// What transformers' own layers gave, as each golden checkpoint has it.
record GoldenRows(float[] input, float[] output) {
  static GoldenRows of(Path checkpoint, int layer, int tokens) {
    try (MappedFiles files = new MappedFiles()) {
      SafetensorsFile golden =
          SafetensorsFile.open(checkpoint.resolve("golden.safetensors"), files);
      String rows = String.format(Locale.ROOT, "layer%d/m%d/", layer, tokens);
      return new GoldenRows(floats(golden, rows + "input"), floats(golden, rows + "output"));
    }
  }

  private static float[] floats(SafetensorsFile file, String name) {
    return Objects.requireNonNull(file.find(name), name).toFloats();
  }
}
