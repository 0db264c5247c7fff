package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `verify` with a `golden.safetensors` that says something else, or is none.
class VerifyGoldenFileTest {
  private static final String OUTPUT = "layer1/m7/output";

  @TempDir private Path directory;
  private Path checkpoint;
  private Path golden;

  @BeforeEach
  void copy() {
    checkpoint = Golden.copy("hf/qwen3_moe", directory);
    golden = checkpoint.resolve("golden.safetensors");
  }

  /// Comparing with something else instead would be a pass that nobody asked for.
  @Test
  void aGoldenFileThatIsNoFileIsAnError() throws IOException {
    Files.delete(golden);
    Files.createDirectory(golden);
    assertThat(MoeRun.of("verify", checkpoint).refusal())
        .contains("golden.safetensors", "no regular file");
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-4, 1, 1e6})
  void aWrongValueFailsItsCaseAlone(double timesRms) {
    float[] values = Golden.floats(golden, OUTPUT);
    int at = values.length - 1;
    double before = values[at];
    values[at] += (float) (timesRms * rms(values));
    double expectedError = Math.abs(values[at] - before) / rms(values);
    replace(OUTPUT, values, 7, 64);
    MoeRun run = MoeRun.of("verify", checkpoint, "--json");
    assertThat(run.exit()).isEqualTo(1);
    assertThat(run.err()).isEmpty();
    assertThat(run.objects("cases"))
        .hasSize(6)
        .allSatisfy(found -> {
          boolean wrong = found.get("layer").equals(1) && found.get("tokens").equals(7);
          assertThat(found).containsEntry("pass", !wrong);
          if (wrong) {
            assertThat((Double) found.get("max_error_over_rms"))
                .isCloseTo(expectedError, within(2e-5 + 1e-6 * expectedError));
          }
        });
    assertThat(MoeRun.of("verify", checkpoint).out())
        .contains("FAILED", "6 cases, 5 passed, 1 failed");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--deferred", "--tail 1e-6"})
  void aWrongValueFailsItsCaseHoweverTheLayerEnds(String options) {
    float[] values = Golden.floats(golden, OUTPUT);
    values[values.length - 1] += (float) (1e-4 * rms(values));
    replace(OUTPUT, values, 7, 64);
    List<Object> arguments = new ArrayList<>(List.of("verify", checkpoint, "--json"));
    arguments.addAll(List.of(options.split(" ")));
    assertThat(MoeRun.of(arguments.toArray()).objects("cases"))
        .hasSize(6)
        .allSatisfy(found ->
            assertThat(found)
                .containsEntry(
                    "pass", !(found.get("layer").equals(1) && found.get("tokens").equals(7)))
                .containsEntry("alias", "on"));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void aValueThatIsNoNumberFailsAndHasNoError(float value) {
    float[] values = Golden.floats(golden, OUTPUT);
    values[3] = value;
    replace(OUTPUT, values, 7, 64);
    MoeRun run = MoeRun.of("verify", checkpoint, "--json");
    assertThat(run.exit()).isEqualTo(1);
    List<Map<String, Object>> failed =
        run.objects("cases").stream().filter(found -> found.get("pass").equals(false)).toList();
    assertThat(failed)
        .singleElement()
        .satisfies(found ->
            assertThat(found)
                .containsEntry("max_error_over_rms", null)
                .containsEntry("layer", 1)
                .containsEntry("tokens", 7));
  }

  @Test
  void aWrongWeightFails() throws IOException {
    Path model = checkpoint.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(model);
    Golden.rewrite(
        model,
        tensor -> {
          if (tensor.name().equals("model.layers.0.mlp.gate.weight")) {
            tensor.data().fill((byte) 0); // every logit is 0: the first experts are chosen
          }
          return tensor;
        });
    assertThat(MoeRun.of("verify", checkpoint).exit()).isEqualTo(1);
    Files.write(model, bytes);
    MoeRun.of("verify", checkpoint).fine();
  }

  @Test
  void namesTheOutputThatIsMissing() {
    Golden.rewrite(golden, tensor -> tensor.name().equals(OUTPUT) ? null : tensor);
    assertThat(refusal()).isEqualTo("%s: tensor \"%s\" is missing", golden, OUTPUT);
  }

  @Test
  void namesShapeAndTypeThatDoNotFit() {
    replace(OUTPUT, new float[] {1, 2, 3}, 1, 3);
    assertThat(refusal()).startsWith(golden + ": ").contains(OUTPUT, "F32 [1, 3]", "F32 [7, 64]");
  }

  @Test
  void refusesATokenCountThatIsNotTheInputs() {
    Golden.rewrite(golden, tensor -> named(tensor, tensor.name().replace("m7", "m8")));
    assertThat(refusal()).startsWith(golden + ": ").contains("/m8/", "[7, 64]", "[8, 64]");
  }

  @Test
  void refusesANumberThatIsTooLarge() {
    Golden.rewrite(golden, tensor -> named(tensor, tensor.name().replace("m7", "m7777777777")));
    assertThat(refusal()).startsWith(golden + ": ").contains("m7777777777");
  }

  @Test
  void refusesAFileWithoutCases() {
    Golden.rewrite(golden, tensor -> named(tensor, "other/" + tensor.name()));
    assertThat(refusal()).startsWith(golden + ": ").contains("layer<L>/m<M>/input");
    SafetensorsWriter.write(golden, List.of());
    assertThat(refusal()).startsWith(golden + ": ").contains("layer<L>/m<M>/input");
  }

  @Test
  void namesTheLayersThereAreWhenOneIsNot() {
    Golden.rewrite(golden, tensor -> named(tensor, tensor.name().replace("layer1", "layer2")));
    assertThat(refusal()).contains(checkpoint.toString(), "layer 2", "0-1");
  }

  @Test
  void refusesATruncatedFile() throws IOException {
    byte[] bytes = Files.readAllBytes(golden);
    Files.write(golden, Arrays.copyOf(bytes, bytes.length - 1));
    assertThat(refusal()).startsWith(golden + ": ").contains("truncated");
  }

  @Test
  void acceptsACaseOfNoTokens() {
    SafetensorsWriter.write(
        golden,
        List.of(
            Golden.tensor("layer0/m0/input", new float[0], 0, 64),
            Golden.tensor("layer0/m0/output", new float[0], 0, 64)));
    MoeRun run = MoeRun.of("verify", checkpoint, "--json").fine();
    assertThat(run.objects("cases"))
        .singleElement()
        .satisfies(
            found -> assertThat(found).containsEntry("tokens", 0).containsEntry("alias", "off"));
  }

  private String refusal() {
    return MoeRun.of("verify", checkpoint).refusal();
  }

  private void replace(String name, float[] values, long... shape) {
    Golden.rewrite(
        golden, tensor -> tensor.name().equals(name) ? Golden.tensor(name, values, shape) : tensor);
  }

  private static TensorView named(TensorView tensor, String name) {
    return new TensorView(name, tensor.dtype(), tensor.shape(), tensor.data());
  }

  private static double rms(float[] values) {
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares / values.length);
  }
}
