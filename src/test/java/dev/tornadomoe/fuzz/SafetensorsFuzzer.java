package dev.tornadomoe.fuzz;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;

/// A fuzz target for Jazzer: the input is a safetensors file ([PaddedFile]), or where it begins
/// with a brace an index of shards.
public final class SafetensorsFuzzer {
  private static final Path DIRECTORY = BoundedReading.directory();
  private static final Path FILE = DIRECTORY.resolve("one.safetensors");
  private static final Path INDEX = DIRECTORY.resolve("model.safetensors.index.json");

  static {
    new PaddedFile("{}".getBytes(StandardCharsets.UTF_8), (byte) 0, 0)
        .write(DIRECTORY.resolve("config.json"));
  }

  private SafetensorsFuzzer() {}

  /// Opens the file and touches the ends of every tensor.
  public static void fuzzerTestOneInput(byte[] input) {
    if (input.length > 0 && input[0] == '{') {
      new PaddedFile(input, (byte) 0, 0).write(INDEX);
      BoundedReading.of(input.length, SafetensorsFuzzer::readShards);
    } else {
      PaddedFile file = PaddedFile.of(input, 0);
      file.write(FILE);
      BoundedReading.of(file.size(), () -> read(file.size()));
    }
  }

  /// None of the shards is there, so the first one that is asked for ends it.
  private static void readShards() {
    try (Checkpoint checkpoint = Checkpoint.open(DIRECTORY)) {
      checkpoint.tensorNames().forEach(checkpoint::find);
    }
  }

  private static void read(long bytes) {
    try (TensorFile tensors = TensorFile.open(FILE)) {
      long covered = 0;
      for (String name : tensors.names()) {
        TensorView tensor = tensors.require(name);
        MemorySegment data = tensor.data();
        if (data.byteSize() > 0) {
          data.get(ValueLayout.JAVA_BYTE, 0);
          data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1);
        }
        covered += data.byteSize();
      }
      if (covered >= bytes) {
        throw new IllegalStateException(
            String.format(Locale.ROOT, "tensors of %d bytes in a file of %d", covered, bytes));
      }
    }
  }
}
