package dev.tornadomoe.fuzz;

import java.nio.file.Path;

/// A fuzz target for Jazzer: the input is a GGUF file ([PaddedFile]).
public final class GgufFuzzer {
  private static final Path FILE = BoundedReading.directory().resolve("model.gguf");

  private GgufFuzzer() {}

  /// Opens the file, describes its layers and loads some of their weights.
  public static void fuzzerTestOneInput(byte[] input) {
    PaddedFile file = PaddedFile.of(input, 0);
    file.write(FILE);
    BoundedReading.of(file.size(), () -> BoundedReading.ofModel(FILE, file.size()));
  }
}
