package dev.tornadomoe.fuzz;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import java.nio.file.Path;
import java.util.List;

/// A fuzz target for Jazzer: the input is a `config.json`, beside it a file without tensors. What a
/// family makes of a config is read before the first tensor is looked for.
public final class ConfigFuzzer {
  private static final Path DIRECTORY = BoundedReading.directory();

  static {
    SafetensorsWriter.write(DIRECTORY.resolve("model.safetensors"), List.of());
  }

  private ConfigFuzzer() {}

  /// Opens the model and asks for its layers.
  public static void fuzzerTestOneInput(byte[] input) {
    new PaddedFile(input, (byte) 0, 0).write(DIRECTORY.resolve("config.json"));
    BoundedReading.of(input.length, () -> BoundedReading.ofModel(DIRECTORY, input.length));
  }
}
