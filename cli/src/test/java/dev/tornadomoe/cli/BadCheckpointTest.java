package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// A directory that is no sound checkpoint is refused by every command in the same sentence, with
/// file, tensor, expected and found in it.
class BadCheckpointTest {
  private static final String GATE = "model.layers.0.mlp.gate.weight";
  private static final String DOWN = "model.layers.0.mlp.experts.3.down_proj.weight";

  @TempDir private Path directory;

  /// Spoils a copy of `hf/qwen3_moe`.
  @FunctionalInterface
  interface Spoiling {
    void spoil(Path checkpoint) throws IOException;
  }

  private static Stream<Arguments> spoiled() {
    return Stream.of(
        spoiled("no config", c -> Files.delete(c.resolve("config.json")), "", "config.json"),
        spoiled("empty config", c -> empty(c.resolve("config.json")), "config.json", "JSON"),
        spoiled(
            "config is a list",
            c -> Files.writeString(c.resolve("config.json"), "[]"),
            "config.json",
            "JSON object"),
        spoiled("no model", c -> Files.delete(c.resolve("model.safetensors")), "", "safetensors"),
        spoiled(
            "empty model",
            c -> empty(c.resolve("model.safetensors")),
            "model.safetensors",
            "0 bytes"),
        spoiled(
            "header longer than the file",
            c -> header(c, 1L << 26),
            "model.safetensors",
            Long.toString(1L << 26)),
        spoiled("negative header", c -> header(c, -1), "model.safetensors", "header length"),
        spoiled("truncated model", BadCheckpointTest::truncate, "model.safetensors", "truncated"),
        spoiled(
            "no router",
            c -> replace(c, GATE, null),
            "model.safetensors",
            GATE,
            "missing",
            "layer 0"),
        spoiled("no expert", c -> replace(c, DOWN, null), "model.safetensors", DOWN, "missing"),
        spoiled(
            "misshapen",
            c -> replace(c, GATE, zeros(GATE, DType.BF16, 15, 64)),
            "model.safetensors",
            GATE,
            "[15, 64]",
            "[16, 64]"),
        spoiled(
            "transposed",
            c -> replace(c, GATE, zeros(GATE, DType.BF16, 64, 16)),
            "model.safetensors",
            GATE,
            "[64, 16]",
            "[16, 64]"),
        spoiled(
            "of another type",
            c -> replace(c, DOWN, zeros(DOWN, DType.I32, 64, 32)),
            "model.safetensors",
            DOWN,
            "I32",
            "BF16"));
  }

  private static Arguments spoiled(String what, Spoiling how, String file, String... expected) {
    return arguments(what, how, file, expected);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("spoiled")
  void isRefusedByEveryCommandInTheSameSentence(
      String what, Spoiling how, String file, String... expected) throws IOException {
    Path checkpoint = Golden.copy("hf/qwen3_moe", directory);
    how.spoil(checkpoint);
    assertThat(EveryCommand.refusal(checkpoint))
        .startsWith((file.isEmpty() ? checkpoint : checkpoint.resolve(file)).toString())
        .contains(expected);
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity", "0"})
  void aScaleThatCanNotBeIsRefusedWhereWeightsAreRead(float scale) {
    String name = "model.layers.0.mlp.experts.2.up_proj.scales";
    Path checkpoint = Golden.copy("w4a16/qwen3_moe-awq_g128", directory);
    Path model = checkpoint.resolve("model.safetensors");
    Golden.rewrite(
        model,
        tensor -> {
          if (tensor.name().equals(name)) {
            tensor.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, 14, Float.floatToFloat16(scale));
          }
          return tensor;
        });
    assertThat(MoeRun.of("verify", checkpoint).refusal())
        .startsWith(model + ": ")
        .contains(name, scale == 0 ? "0" : Float.toString(scale));
    MoeRun.of("explain", checkpoint).fine();
  }

  @Test
  void whatIsNoDirectoryIsRefused() throws IOException {
    assertThat(MoeRun.of("verify", directory.resolve("none")).refusal())
        .startsWith(directory.resolve("none") + ": no such directory");
    Path file = Files.writeString(directory.resolve("file"), "");
    assertThat(MoeRun.of("verify", file).refusal()).startsWith(file + ": not a directory");
    assertThat(MoeRun.of("verify", directory).refusal())
        .startsWith(directory + ": ")
        .contains("config.json");
  }

  private static void empty(Path file) throws IOException {
    Files.write(file, new byte[0]);
  }

  private static void header(Path checkpoint, long length) throws IOException {
    Path model = checkpoint.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(model);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
    Files.write(model, bytes);
  }

  private static void truncate(Path checkpoint) throws IOException {
    Path model = checkpoint.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(model);
    Files.write(model, Arrays.copyOf(bytes, bytes.length - 2));
  }

  private static void replace(Path checkpoint, String name, TensorView other) {
    Golden.rewrite(
        checkpoint.resolve("model.safetensors"),
        tensor -> tensor.name().equals(name) ? other : tensor);
  }

  private static TensorView zeros(String name, DType type, long rows, long columns) {
    byte[] bytes = new byte[(int) (rows * columns * type.bits() / 8)];
    return new TensorView(name, type, Shape.of(rows, columns), MemorySegment.ofArray(bytes));
  }
}
