package dev.tornadomoe.cli;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/// The golden checkpoints among the test resources of the library, and copies of them to be
/// changed.
public final class Golden {
  /// Seen from any module of the build.
  private static final Path ALL =
      Path.of("../src/test/resources/golden").toAbsolutePath().normalize();

  private static final List<String> FAMILIES =
      List.of(
          "mixtral",
          "deepseek_v3",
          "gpt_oss",
          "qwen2_moe",
          "llama4_text",
          "longcat_flash",
          "nemotron_h",
          "gemma4",
          "deepseek_v4_hash");

  private Golden() {}

  /// A golden checkpoint, as in `hf/mixtral`, or a file of one. Not to be changed.
  public static Path directory(String name) {
    Path directory = ALL.resolve(name);
    if (!Files.exists(directory)) {
      throw new IllegalArgumentException("no golden checkpoint in " + directory);
    }
    return directory;
  }

  /// All of them.
  public static List<Path> all() {
    List<Path> all = new ArrayList<>();
    for (String folder : List.of("hf", "w4a16", "fp8_int8_fp4", "gguf")) {
      try (Stream<Path> directories = Files.list(directory(folder))) {
        directories.sorted().forEach(all::add);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return all;
  }

  /// One of each format, and a family of each kind: experts with and without biases, routers that
  /// sum, group, correct, weight inputs and take token ids, norms inside the layer, shared experts
  /// with and without a gate, identities.
  public static List<Path> kinds() {
    List<Path> kinds = new ArrayList<>(all());
    kinds.removeIf(directory -> directory.getParent().endsWith("hf"));
    for (String family : FAMILIES) {
      kinds.add(directory("hf/" + family));
    }
    return kinds;
  }

  /// A copy that a test may change.
  public static Path copy(String name, Path parent) {
    try (Stream<Path> files = Files.list(directory(name))) {
      Path copy = Files.createTempDirectory(parent, "checkpoint-");
      for (Path file : files.toList()) {
        Files.write(copy.resolve(file.getFileName()), Files.readAllBytes(file));
      }
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The values of a tensor.
  static float[] floats(Path file, String tensor) {
    try (TensorFile tensors = TensorFile.open(file)) {
      return tensors.require(tensor).toFloats();
    }
  }

  static TensorView tensor(String name, float[] values, long... shape) {
    return new TensorView(name, DType.F32, Shape.of(shape), MemorySegment.ofArray(values));
  }

  /// Writes a safetensors file again, each tensor replaced by what the function makes of it; null
  /// leaves it out.
  public static void rewrite(Path file, UnaryOperator<TensorView> change) {
    List<TensorView> tensors = new ArrayList<>();
    try (TensorFile old = TensorFile.open(file)) {
      for (String name : old.names()) {
        TensorView changed = change.apply(onHeap(old.require(name)));
        if (changed != null) {
          tensors.add(changed);
        }
      }
    }
    SafetensorsWriter.write(file, tensors);
  }

  private static TensorView onHeap(TensorView tensor) {
    byte[] bytes = tensor.data().toArray(ValueLayout.JAVA_BYTE);
    return new TensorView(
        tensor.name(), tensor.dtype(), tensor.shape(), MemorySegment.ofArray(bytes));
  }

  /// Replaces text in the config, which must be there.
  public static void editConfig(Path checkpoint, String from, String to) {
    Path config = checkpoint.resolve("config.json");
    try {
      String text = Files.readString(config);
      if (!text.contains(from)) {
        throw new IllegalArgumentException(String.format(Locale.ROOT, "no %s in %s", from, text));
      }
      Files.writeString(config, text.replace(from, to));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
