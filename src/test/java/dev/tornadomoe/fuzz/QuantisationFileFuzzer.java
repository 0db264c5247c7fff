package dev.tornadomoe.fuzz;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// A fuzz target for Jazzer: the input is a byte that chooses a name, and the file of that name
/// beside a `config.json` that says nothing of quantisation, with the tensors of a golden
/// checkpoint.
public final class QuantisationFileFuzzer {
  /// Of Model Optimizer, GPTQ and AWQ.
  static final List<String> NAMES =
      List.of("hf_quant_config.json", "quantize_config.json", "quant_config.json");

  private static final Path DIRECTORY = BoundedReading.directory();
  private static final int BYTES = FuzzCorpus.writeUnquantised(DIRECTORY);

  private QuantisationFileFuzzer() {}

  /// Opens the model, describes its layers and loads some of their weights.
  public static void fuzzerTestOneInput(byte[] input) {
    if (input.length < 1) {
      return;
    }
    byte[] file = Arrays.copyOfRange(input, 1, input.length);
    Path written = DIRECTORY.resolve(NAMES.get((input[0] & 0xFF) % NAMES.size()));
    new PaddedFile(file, (byte) 0, 0).write(written);
    long bytes = BYTES + (long) file.length;
    try {
      BoundedReading.of(bytes, () -> BoundedReading.ofModel(DIRECTORY, bytes));
    } finally {
      BoundedReading.delete(written);
    }
  }
}
