package dev.tornadomoe.fuzz;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/// A fuzz target for Jazzer: the input is a whole checkpoint, two bytes with the length of
/// `config.json`, this file, and a safetensors file ([PaddedFile]). Finds what quantised weights do
/// whose config and tensors contradict each other.
public final class QuantisationFuzzer {
  private static final Path DIRECTORY = BoundedReading.directory();

  private QuantisationFuzzer() {}

  static byte[] input(byte[] config, PaddedFile tensors) {
    byte[] rest = tensors.input();
    return ByteBuffer.allocate(2 + config.length + rest.length)
        .putShort((short) config.length)
        .put(config)
        .put(rest)
        .array();
  }

  /// Opens the model, describes its layers and loads some of their weights.
  public static void fuzzerTestOneInput(byte[] input) {
    if (input.length < 2) {
      return;
    }
    int end = Math.min(input.length, 2 + (ByteBuffer.wrap(input).getShort() & 0xFFFF));
    PaddedFile tensors = PaddedFile.of(input, end);
    new PaddedFile(Arrays.copyOfRange(input, 2, end), (byte) 0, 0)
        .write(DIRECTORY.resolve("config.json"));
    tensors.write(DIRECTORY.resolve("model.safetensors"));
    long bytes = (long) end + tensors.size();
    BoundedReading.of(bytes, () -> BoundedReading.ofModel(DIRECTORY, bytes));
  }
}
