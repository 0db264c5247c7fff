package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Layers whose routers go on from the layer before, on the command line.
class RunRouterStatesTest {
  private static final Path CHECKPOINT = Golden.directory("hf/zaya");
  private static final Path GOLDEN = CHECKPOINT.resolve("golden.safetensors");
  private static final Path EXTRA = CHECKPOINT.resolve("golden_extra.safetensors");

  @TempDir private Path directory;

  private static TensorView rows(int layer) {
    return Golden.tensor("x", Golden.floats(GOLDEN, "layer" + layer + "/m7/input"), 7, 64);
  }

  private static TensorView states() {
    return Golden.tensor("router_states", Golden.floats(EXTRA, "layer1/m7/router_states"), 7, 24);
  }

  private MoeRun run(int layer, TensorView... tensors) {
    Path input = directory.resolve("input.safetensors");
    SafetensorsWriter.write(input, List.of(tensors));
    return MoeRun.of(
        "run", CHECKPOINT, "--layer", layer, "--input", input, "--output", directory.resolve("y"));
  }

  private void assertWritten(String name, Path golden, String expected) {
    float[] found = Golden.floats(directory.resolve("y"), name);
    assertThat(Comparison.Deviation.of(Golden.floats(golden, expected), found).most())
        .isLessThanOrEqualTo(2e-5);
  }

  @Test
  void statesLieBesideTheRows() {
    run(1, rows(1), states()).fine();
    assertWritten("output", GOLDEN, "layer1/m7/output");
    assertWritten("router_states", EXTRA, "layer1/m7/router_states_out");
  }

  /// transformers starts later layers without states, too; they go on from zeros then.
  @Test
  void zerosAreNoStates() {
    run(1, rows(1), Golden.tensor("router_states", new float[7 * 24], 7, 24)).fine();
    assertWritten("output", EXTRA, "layer1/m7/output_without_states");
  }

  @Test
  void theFirstLayerWritesThem() {
    run(0, rows(0)).fine();
    assertWritten("output", GOLDEN, "layer0/m7/output");
    assertWritten("router_states", EXTRA, "layer0/m7/router_states_out");
  }

  @Test
  void refusesRowsWithoutThem() {
    assertThat(run(1, rows(1)).refusal())
        .contains(
            "input.safetensors: has no tensor \"router_states\", from which the router of layer 1"
                + " goes on; expected F32 [7, 24]");
    assertThat(run(1, rows(1), Golden.tensor("router_states", new float[24], 1, 24)).refusal())
        .contains("tensor \"router_states\" is F32 [1, 24], expected F32 [7, 24]");
  }

  @Test
  void samplesHaveThem() {
    Path sample = directory.resolve("sample");
    MoeRun.of("run", CHECKPOINT, "--layer", 1, "--sample-input", sample, "--tokens", 5).fine();
    try (TensorFile file = TensorFile.open(sample)) {
      assertThat(file.names()).containsExactlyInAnyOrder("hidden", "router_states");
      assertThat(file.require("router_states").shape()).isEqualTo(Shape.of(5, 24));
    }
    MoeRun.of(
            "run", CHECKPOINT, "--layer", 1, "--input", sample, "--output", directory.resolve("y"))
        .fine();
  }

  @Test
  void verifyComparesThem() {
    Path copy = Golden.copy("hf/zaya", directory);
    Golden.rewrite(
        copy.resolve("golden_extra.safetensors"),
        tensor ->
            tensor.name().equals("layer1/m7/router_states_out")
                ? Golden.tensor(tensor.name(), new float[7 * 24], 7, 24)
                : tensor);
    assertThat(MoeRun.of("verify", copy).out()).contains("6 cases, 5 passed, 1 failed");
  }

  /// Made-up inputs and what the reference backend makes of them.
  @Test
  void benchBringsThem() {
    MoeRun.of("bench", CHECKPOINT, "--tokens", "2", "--layers", "2", "--seconds", "0.1", "--json")
        .fine();
  }

  @Test
  void inspectSaysWhatChooses() {
    assertThat(MoeRun.of("inspect", CHECKPOINT).fine().out())
        .contains(
            "8 and 1 that contributes nothing, top-1",
            "an MLP that goes on from the layer before, softmax, correction bias, top-1",
            "8 matrices");
  }
}
