package dev.tornadomoe.fuzz;

import dev.tornadomoe.checkpoint.Checkpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.jr.ob.JSON;

/// Where fuzzing begins: the headers and configs of the golden checkpoints.
final class FuzzCorpus {
  /// Fill for the data. All zeros are sound indices of groups but no sound scales; 0x3C repeated is
  /// a small positive number as F32, F16, BF16, E4M3 and E8M0.
  private static final byte[] FILLS = {0, 0x3C};

  /// No golden checkpoint is in shards.
  private static final String INDEX =
      """
      {"metadata": {"total_size": 8}, "weight_map": {"a.weight": "model-00001-of-00001.safetensors"}}
      """;

  private FuzzCorpus() {}

  static Class<?> targetClass(String target) {
    return switch (target) {
      case "safetensors" -> SafetensorsFuzzer.class;
      case "gguf" -> GgufFuzzer.class;
      case "config" -> ConfigFuzzer.class;
      case "quantisation" -> QuantisationFuzzer.class;
      case "quantisation-file" -> QuantisationFileFuzzer.class;
      default -> throw new IllegalArgumentException("no target " + target);
    };
  }

  /// Writes the inputs that a target begins with.
  static void write(String target, Path directory) throws IOException {
    List<byte[]> inputs = of(target);
    for (int i = 0; i < inputs.size(); i++) {
      Files.write(directory.resolve(String.format(Locale.ROOT, "golden-%03d", i)), inputs.get(i));
    }
  }

  /// The inputs that a target begins with.
  static List<byte[]> of(String target) {
    return switch (target) {
      case "safetensors" ->
          Stream.concat(
                  all("model.safetensors", FuzzCorpus::safetensors).stream(),
                  Stream.of(INDEX.getBytes(StandardCharsets.UTF_8)))
              .toList();
      case "gguf" -> all("model.gguf", FuzzCorpus::gguf);
      case "config" -> all("config.json", config -> List.of(bytes(config)));
      case "quantisation" -> all("config.json", FuzzCorpus::checkpoint);
      case "quantisation-file" -> all("config.json", FuzzCorpus::quantisationFiles);
      default -> throw new IllegalArgumentException("no target " + target);
    };
  }

  private interface Inputs {
    List<byte[]> of(Path file);
  }

  private static List<byte[]> all(String name, Inputs inputs) {
    try (Stream<Path> files = Files.walk(directoryOf(""))) {
      return files
          .filter(file -> file.getFileName().toString().equals(name))
          .sorted()
          .flatMap(file -> inputs.of(file).stream())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A directory of the golden checkpoints.
  private static Path directoryOf(String name) {
    try {
      return Path.of(FuzzCorpus.class.getResource("/golden").toURI()).resolve(name);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<byte[]> safetensors(Path file) {
    return List.of(padded(bytes(file), headerBytes(bytes(file)), (byte) 0).input());
  }

  private static List<byte[]> checkpoint(Path config) {
    List<byte[]> inputs = new ArrayList<>();
    byte[] tensors = bytes(config.resolveSibling("model.safetensors"));
    for (byte fill : FILLS) {
      inputs.add(
          QuantisationFuzzer.input(bytes(config), padded(tensors, headerBytes(tensors), fill)));
    }
    return inputs;
  }

  /// What a config says of quantisation, as each of the files beside it would.
  private static List<byte[]> quantisationFiles(Path config) {
    Object said = JSON.std.mapFrom(bytes(config)).get("quantization_config");
    List<byte[]> inputs = new ArrayList<>();
    for (int name = 0; said != null && name < QuantisationFileFuzzer.NAMES.size(); name++) {
      Object file = name == 0 ? Map.of("quantization", said) : said;
      inputs.add(((char) name + JSON.std.asString(file)).getBytes(StandardCharsets.UTF_8));
    }
    return inputs;
  }

  /// Writes a golden checkpoint whose config says nothing of quantisation, without the file that
  /// does.
  ///
  /// @return its size
  static int writeUnquantised(Path directory) {
    Path golden = directoryOf("fp8_int8_fp4/qwen3_moe-modelopt_nvfp4");
    int size = 0;
    for (String name : List.of("config.json", "model.safetensors")) {
      PaddedFile file = new PaddedFile(bytes(golden.resolve(name)), (byte) 0, 0);
      file.write(directory.resolve(name));
      size += file.size();
    }
    return size;
  }

  private static int headerBytes(byte[] safetensors) {
    return 8 + (int) ByteBuffer.wrap(safetensors).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  private static List<byte[]> gguf(Path file) {
    byte[] all = bytes(file);
    int header = all.length;
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      for (String name : checkpoint.tensorNames()) {
        header -= Math.ceilDiv((int) checkpoint.stored(name).orElseThrow().bytes(), 32) * 32;
      }
    }
    List<byte[]> inputs = new ArrayList<>();
    for (byte fill : FILLS) {
      inputs.add(padded(all, header, fill).input());
    }
    return inputs;
  }

  private static PaddedFile padded(byte[] file, int header, byte fill) {
    return new PaddedFile(Arrays.copyOf(file, header), fill, file.length - header);
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
