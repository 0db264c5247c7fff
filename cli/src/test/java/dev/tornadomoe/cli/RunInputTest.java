package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Inputs and options that `run` refuses.
class RunInputTest {
  private static final Path CHECKPOINT = Golden.directory("hf/mixtral");

  @TempDir private Path directory;
  private Path input;
  private Path output;

  @BeforeEach
  void paths() {
    input = directory.resolve("input.safetensors");
    output = directory.resolve("output.safetensors");
  }

  @ParameterizedTest
  @CsvSource({"F32, 63", "F32, 65", "F16, 128", "BF16, 0", "I32, 64", "I8, 64", "F8_E4M3, 64"})
  void namesWidthAndTypeThatDoNotFit(DType type, int width) {
    write(tensor("x", type, 2, width));
    assertThat(run("--layer", 0).refusal())
        .startsWith(
            input
                + String.format(
                    Locale.ROOT, ": tensor \"x\" is %s [2, %d], expected ", type, width))
        .contains("F32", "[M, 64]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"64", "1 2 64", ""})
  void refusesWhatIsNoMatrix(String dimensions) {
    long[] shape =
        List.of(dimensions.split(" ")).stream()
            .filter(text -> !text.isEmpty())
            .mapToLong(Long::parseLong)
            .toArray();
    write(tensor("x", DType.F32, shape));
    assertThat(run("--layer", 0).refusal()).startsWith(input + ": tensor \"x\" is F32 [");
  }

  @Test
  void asksWhichOfSeveralTensorsAndListsThem() {
    write(tensor("a", DType.F32, 2, 64), tensor("b", DType.F32, 3, 64));
    assertThat(run("--layer", 0).refusal()).startsWith(input + ": ").contains("a, b", "--tensor");
    assertThat(run("--layer", 0, "--tensor", "c").refusal())
        .isEqualTo("%s: tensor \"c\" is missing", input);
    run("--layer", 0, "--tensor", "b").fine();
    assertThat(Golden.floats(output, "output")).hasSize(3 * 64);
  }

  @Test
  void refusesAFileWithoutTensors() {
    write();
    assertThat(run("--layer", 0).refusal()).startsWith(input + ": ");
  }

  @Test
  void refusesInputsThatAreNoFiles() throws IOException {
    assertThat(run("--layer", 0).refusal()).isEqualTo("%s: no such file", input);
    Files.createDirectory(input);
    assertThat(run("--layer", 0).refusal()).startsWith(input + ": ");
    Files.delete(input);
    Files.writeString(input, "hidden states");
    assertThat(run("--layer", 0).refusal()).startsWith(input + ": ");
  }

  @ParameterizedTest
  @ValueSource(ints = {2, -1, Integer.MAX_VALUE})
  void namesTheLayersThereAreWhenOneIsNot(int layer) {
    write(tensor("x", DType.F32, 1, 64));
    assertThat(run("--layer", layer).refusal())
        .startsWith(CHECKPOINT + ": layer " + layer + " ")
        .contains("0-1");
  }

  @Test
  void namesADenseLayer() {
    Path checkpoint = Golden.copy("hf/qwen3_moe", directory);
    Golden.editConfig(checkpoint, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [0]");
    write(tensor("x", DType.F32, 1, 64));
    String refusal =
        MoeRun.of("run", checkpoint, "--layer", 0, "--input", input, "--output", output).refusal();
    assertThat(refusal).isEqualTo("%s: layer 0 is dense; MoE layers: 1", checkpoint);
  }

  @ParameterizedTest
  @CsvSource({"--layer", "--input", "--output"})
  void demandsWhatItNeeds(String missing) {
    List<String> line =
        List.of("run", CHECKPOINT.toString(), "--layer=0", "--input=x", "--output=y");
    Object[] without = line.stream().filter(option -> !option.startsWith(missing)).toArray();
    assertThat(MoeRun.of(without).refusal()).contains(missing);
  }

  @Test
  void moreTokensThanASliceRunWithAnyExperts() {
    write(tensor("x", DType.F32, 1025, 64));
    assertThat(run("--layer", 0, "--experts", "batched").fine().err()).contains("[1025, 64]");
  }

  private static TensorView tensor(String name, DType type, long... dimensions) {
    Shape shape = Shape.of(dimensions);
    byte[] zeros = new byte[(int) (shape.elements() * type.bits() / 8)];
    return new TensorView(name, type, shape, MemorySegment.ofArray(zeros));
  }

  private void write(TensorView... tensors) {
    SafetensorsWriter.write(input, List.of(tensors));
  }

  private MoeRun run(Object... options) {
    Object[] arguments = new Object[options.length + 6];
    System.arraycopy(
        new Object[] {"run", CHECKPOINT, "--input", input, "--output", output}, 0, arguments, 0, 6);
    System.arraycopy(options, 0, arguments, 6, options.length);
    return MoeRun.of(arguments);
  }
}
