package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.gguf.GgufBytes;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Checkpoints with several stacks of MoE layers, on the command line.
class PartsTest {
  private static final Path ERNIE = Golden.directory("hf/ernie4_5_vl_moe");
  private static final Path OMNI = Golden.directory("hf/qwen3_omni_moe");

  @TempDir private Path directory;

  @Test
  void verifyComparesEachStackWithItsOwnCases() {
    List<Map<String, Object>> cases =
        MoeRun.of("verify", OMNI, ERNIE, "--json").fine().objects("cases");
    assertThat(cases).filteredOn(found -> found.get("part") == null).hasSize(12);
    assertThat(cases).filteredOn(found -> "talker".equals(found.get("part"))).hasSize(6);
    assertThat(cases).filteredOn(found -> "vision".equals(found.get("part"))).hasSize(4);
    assertThat(MoeRun.of("verify", ERNIE).fine().out())
        .contains("\n  layer 0   M 33 ", "\n  vision layer 1   M 11 ", "10 cases, 10 passed");
  }

  /// A checkpoint may lack its parts: a thinker alone, say.
  @Test
  void verifyMakesUpNoInputsOfParts() throws IOException {
    Path copy = Golden.copy("hf/qwen3_omni_moe", directory);
    Files.delete(copy.resolve("golden.safetensors"));
    Golden.rewrite(
        copy.resolve("model.safetensors"),
        tensor -> tensor.name().startsWith("talker.") ? null : tensor);
    assertThat(MoeRun.of("verify", copy, "--json").fine().objects("cases")).hasSize(3);
  }

  /// Nobody asks about a talker of which there are no cases.
  @Test
  void verifyLooksAtNoPartWithoutCases() {
    Path copy = Golden.copy("hf/qwen3_omni_moe", directory);
    Golden.rewrite(
        copy.resolve("golden.safetensors"),
        tensor -> tensor.name().startsWith("talker/") ? null : tensor);
    Golden.editConfig(copy, "\"num_local_experts\": 6", "\"num_local_experts\": \"six\"");
    assertThat(MoeRun.of("inspect", copy).out()).contains("num_local_experts");
    assertThat(MoeRun.of("verify", copy, "--json").fine().objects("cases")).hasSize(6);
  }

  @Test
  void runTakesALayerOfAPart() {
    Path golden = ERNIE.resolve("golden.safetensors");
    Path input = directory.resolve("input.safetensors");
    SafetensorsWriter.write(
        input,
        List.of(Golden.tensor("x", Golden.floats(golden, "vision/layer1/m11/input"), 11, 64)));
    Path output = directory.resolve("y");
    String[] files = {"--input", input.toString(), "--output", output.toString()};
    MoeRun.of(
            "run", ERNIE, "--part", "vision", "--layer", 1, files[0], files[1], files[2], files[3])
        .fine();
    assertThat(
            Comparison.Deviation.of(
                    Golden.floats(golden, "vision/layer1/m11/output"),
                    Golden.floats(output, "output"))
                .most())
        .isLessThanOrEqualTo(2e-5);
  }

  @Test
  void verifyRefusesCasesOfUnknownParts() {
    Path copy = Golden.copy("hf/qwen3_omni_moe", directory);
    Golden.rewrite(
        copy.resolve("golden.safetensors"),
        tensor ->
            new TensorView(
                tensor.name().replace("talker/", "walker/"),
                tensor.dtype(),
                tensor.shape(),
                tensor.data()));
    assertThat(MoeRun.of("verify", copy).refusal())
        .contains("walker/layer", "a part that the model doesn't have; its parts: [talker]");
  }

  @Test
  void samplesAreAsWideAsThePartsRows() {
    Path sample = directory.resolve("sample");
    MoeRun.of("run", OMNI, "--part", "talker", "--layer", 0, "--sample-input", sample).fine();
    assertThat(Golden.floats(sample, "hidden")).hasSize(4 * 48);
  }

  @Test
  void inspectDescribesEveryStack() {
    assertThat(MoeRun.of("inspect", ERNIE).fine().out())
        .containsSubsequence(
            "experts       8, top-3, hidden 64, intermediate 16",
            "\npart          vision\n",
            "experts       8, top-3, hidden 64, intermediate 8",
            "shared expert intermediate 32");
    assertThat(MoeRun.of("inspect", "--json", OMNI).fine().objects("parts"))
        .singleElement()
        .satisfies(part ->
            assertThat(part)
                .containsEntry("name", "talker")
                .containsEntry("hidden_size", 48)
                .containsEntry("experts", 6)
                .containsEntry("moe_layers", List.of(0, 1))
                .containsKey("weights"));
  }

  @Test
  void inspectSaysWhatIsWrongWithAPart() {
    Path copy = Golden.copy("hf/qwen3_omni_moe", directory);
    Golden.rewrite(
        copy.resolve("model.safetensors"),
        tensor -> tensor.name().equals("talker.model.layers.1.mlp.gate.weight") ? null : tensor);
    assertThat(MoeRun.of("inspect", copy).fine().out())
        .contains("talker.model.layers.1.mlp.gate.weight\" is missing");
  }

  /// What is said of a part is said of it alone.
  @Test
  void inspectDescribesAPartWithoutMoeLayers() {
    Path copy = Golden.copy("hf/qwen3_omni_moe", directory);
    String hidden = "\"hidden_size\": 48,";
    Golden.editConfig(copy, hidden, hidden + " \"mlp_layer_types\": [\"dense\", \"dense\"],");
    MoeRun run = MoeRun.of("inspect", "--json", copy).fine();
    assertThat(run.json()).containsEntry("hidden_size", 64).containsEntry("experts", 8);
    assertThat(run.objects("parts"))
        .singleElement()
        .satisfies(part ->
            assertThat(part)
                .containsEntry("name", "talker")
                .containsEntry("hidden_size", 48)
                .containsEntry("moe_layers", List.of()));
    assertThat(run.objects("problems"))
        .singleElement()
        .satisfies(problem ->
            assertThat(problem)
                .containsEntry("problem", copy + ", part talker: the model has no MoE layers"));
  }

  @Test
  void inspectDescribesAPartOfAGgufFile() {
    MoeRun run = MoeRun.of("inspect", "--json", blockForTextAndImages()).fine();
    assertThat(run.json()).containsEntry("moe_layers", List.of(0, 1));
    assertThat(run.objects("parts"))
        .singleElement()
        .satisfies(part ->
            assertThat(part)
                .containsEntry("name", "vision")
                .containsEntry("hidden_size", 6)
                .containsEntry("experts", 3)
                .containsEntry("moe_layers", List.of(1)));
  }

  /// Two blocks of DeepSeek-V4.1, of which the second has a correction for images.
  private Path blockForTextAndImages() {
    String name = "deepseek41.";
    GgufBytes file = GgufBytes.of("deepseek41");
    file.integer(name + "block_count", 2).integer(name + "embedding_length", 6);
    file.integer(name + "expert_count", 3).integer(name + "expert_used_count", 2);
    file.integer(name + "expert_feed_forward_length", 4).flag(name + "expert_weights_norm", true);
    file.number(name + "expert_weights_scale", 1).number(name + "swiglu_clamp_exp", 0);
    for (String block : List.of("blk.0.", "blk.1.")) {
      file.tensor(Golden.tensor(block + "ffn_gate_inp.weight", new float[18], 3, 6));
      file.tensor(Golden.tensor(block + "ffn_gate_exps.weight", new float[72], 3, 4, 6));
      file.tensor(Golden.tensor(block + "ffn_up_exps.weight", new float[72], 3, 4, 6));
      file.tensor(Golden.tensor(block + "ffn_down_exps.weight", new float[72], 3, 6, 4));
      file.tensor(Golden.tensor(block + "exp_probs_b.bias", new float[3], 3));
    }
    file.tensor(Golden.tensor("blk.1.exp_probs_b_vl.bias", new float[3], 3));
    return file.write(directory.resolve("model.gguf"));
  }

  @Test
  void explainAndBenchTakeAPart() {
    assertThat(MoeRun.of("explain", OMNI, "--part", "talker").fine().out()).contains("H 48");
    assertThat(
            MoeRun.of("bench", OMNI, "--part", "talker", "--tokens", "1", "--seconds", "0.01")
                .fine()
                .out())
        .contains("H 48");
  }

  @Test
  void refusesAPartThatThereIsNot() {
    assertThat(MoeRun.of("explain", ERNIE, "--part", "talker").refusal())
        .isEqualTo(ERNIE + ": there is no part \"talker\" (parts: vision)");
    assertThat(MoeRun.of("bench", "--part", "talker").refusal())
        .isEqualTo("--part is for a checkpoint's layers, not for made-up ones");
  }
}
