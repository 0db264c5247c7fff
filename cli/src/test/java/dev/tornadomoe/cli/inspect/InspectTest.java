package dev.tornadomoe.cli.inspect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.cli.Golden;
import dev.tornadomoe.cli.MoeRun;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.offload.DevicePlacement;
import dev.tornadomoe.offload.Offload;
import dev.tornadomoe.offload.RouteStatistics;
import dev.tornadomoe.plan.Planner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// `inspect` on what can be run, on what can't, and on what can't be read.
class InspectTest {
  @TempDir private Path directory;

  static List<Path> golden() {
    return Golden.all();
  }

  @ParameterizedTest
  @MethodSource("golden")
  void everyGoldenCheckpointRunsOnTheHostAndHasNoProblem(Path checkpoint) {
    MoeRun run = MoeRun.of("inspect", checkpoint, "--json").fine();
    assertThat(run.err()).isEmpty();
    assertThat(run.json()).containsEntry("supported", true);
    assertThat(run.objects("problems")).isEmpty();
    assertThat(run.objects("backends"))
        .filteredOn(backend -> List.of("cpu", "reference").contains(backend.get("name")))
        .hasSize(2)
        .allSatisfy(backend -> assertThat(backend).containsEntry("runs", true));
    assertThat(run.objects("weights"))
        .extracting(row -> row.get("part"))
        .contains("router", "experts");
  }

  @Test
  void saysWhatIsInACheckpoint() {
    MoeRun run = MoeRun.of("inspect", Golden.directory("hf/longcat_flash"), "--json").fine();
    assertThat(run.json())
        .containsEntry("model_type", "longcat_flash")
        .containsEntry("hidden_size", 64)
        .containsEntry("layers", 1)
        .containsEntry("moe_layers", List.of(0))
        .containsEntry("experts", 6)
        .containsEntry("identity_experts", 4)
        .containsEntry("top_k", 4)
        .containsEntry("intermediate_size", 24)
        .containsEntry("activation", "silu")
        .containsEntry("gated", true)
        .containsEntry("router", "softmax, correction bias, top-4, times 6.0")
        .containsEntry("shared_expert", null);
    assertThat(run.objects("weights").get(1))
        .containsEntry("part", "experts")
        .containsEntry("format", "BF16")
        .containsEntry("matrices", 6 * 3)
        .containsEntry("bytes", 6 * 3 * 64 * 24 * 2)
        .containsEntry("bytes_to_load", 0);
    assertThat(run.objects("tensors"))
        .anySatisfy(row ->
            assertThat(row)
                .containsEntry("name", "model.layers.*.mlp.experts.*.down_proj.weight")
                .containsEntry("dtype", "BF16")
                .containsEntry("shape", "[64, 24]")
                .containsEntry("count", 6));
  }

  /// As explain does; layers in a row that are alike share a line.
  @Test
  void saysWhereExpertsAre() {
    try (Checkpoint checkpoint = Checkpoint.open(Golden.directory("hf/qwen3_moe"))) {
      MoeLayer one = MoeModel.of(checkpoint).layer(0);
      List<MoeLayer> layers =
          IntStream.range(0, 4)
              .mapToObj(i -> MoeLayer.of(i, one.router(), one.experts(), one.shared()))
              .toList();
      DevicePlacement placement =
          DevicePlacement.of(
              Map.of(0, List.of(1, 2), 1, List.of(1, 2), 2, List.of(), 3, List.of(0)));
      RouteStatistics even = RouteStatistics.EVEN;
      List<Map<String, Object>> sides =
          BackendOutlook.sides(Offload.of(layers, placement, even).plan(Planner.builder()));
      assertThat(sides).hasSize(4);
      assertThat(sides.get(3)).containsEntry("layer", 3);
      int experts = one.globalExperts();
      long bytes = one.experts().local().getFirst().bytes();
      assertThat(sides.get(3).get("sides"))
          .isEqualTo(
              List.of(
                  side("device", 1, bytes, 1.0 / experts),
                  side("host", experts - 1, (experts - 1) * bytes, 1 - 1.0 / experts)));
      Map<String, Object> backend = Map.of("name", "tornado", "sides", sides);
      assertThat(new InspectText(Map.of("backends", List.of(backend))).text().lines())
          .filteredOn(line -> line.contains("layers "))
          .satisfiesExactly(
              line ->
                  assertThat(line)
                      .matches(
                          " +layers 0-1: 2 experts \\(.*B, .* % of pairs\\) on the device; .*"),
              line -> assertThat(line).contains("layers 2: ", "100.0 % of pairs) on the host"),
              line -> assertThat(line).contains("layers 3: 1 expert ("));
      assertThat(BackendOutlook.sides(Planner.builder().build().plan(layers))).isEmpty();
    }
  }

  private static Map<String, Object> side(String on, int experts, long bytes, double share) {
    return Map.of("on", on, "experts", experts, "weight_bytes", bytes, "expected_share", share);
  }

  @Test
  void saysWhatIsInAGgufFile() {
    MoeRun run =
        MoeRun.of("inspect", Golden.directory("gguf/qwen2moe-q5_k/model.gguf"), "--json").fine();
    assertThat(run.json())
        .containsEntry("model_type", "qwen2moe")
        .containsEntry("supported", true)
        .containsEntry("experts", 6)
        .containsEntry("top_k", 2)
        .containsEntry("hidden_size", 256)
        .containsEntry("intermediate_size", 256)
        .containsEntry("moe_layers", List.of(0))
        .containsEntry("router", "softmax, top-2")
        .containsEntry(
            "shared_expert",
            Map.of(
                "intermediate_size", 256, "sigmoid_gate", true, "averaged", false, "weighed", 0));
    assertThat(MoeRun.object(run.json(), "stored_bytes")).containsOnlyKeys("F32", "Q5_K");
  }

  /// In both formats: the halves are neither a factor of the router nor a gate.
  @ParameterizedTest
  @CsvSource({
    "hf/cohere2_moe, 'logits, top-3, sigmoid of the selected, renormalised'",
    "gguf/cohere2moe/model.gguf, 'sigmoid, top-3, renormalised'"
  })
  void saysThatExpertsAreAveraged(String checkpoint, String router) {
    MoeRun run = MoeRun.of("inspect", Golden.directory(checkpoint), "--json").fine();
    assertThat(run.json())
        .containsEntry("router", router)
        .containsEntry(
            "shared_expert",
            Map.of("intermediate_size", 64, "sigmoid_gate", false, "averaged", true, "weighed", 0));
    assertThat(run.objects("weights"))
        .filteredOn(row -> "shared expert".equals(row.get("part")))
        .hasSize(1);
    assertThat(MoeRun.of("inspect", Golden.directory(checkpoint)).fine().out())
        .contains("shared expert intermediate 64, averaged with the routed experts\n");
  }

  /// Inkling's config has 8 experts, of which a token gets 3, and 2 shared ones.
  @Test
  void saysThatTheRouterWeighsSharedExperts() {
    MoeRun run = MoeRun.of("inspect", Golden.directory("hf/inkling"), "--json").fine();
    assertThat(run.json())
        .containsEntry("experts", 8)
        .containsEntry("top_k", 3)
        .containsEntry(
            "shared_expert",
            Map.of(
                "intermediate_size", 64, "sigmoid_gate", false, "averaged", false, "weighed", 2));
    assertThat(MoeRun.of("inspect", Golden.directory("hf/inkling")).fine().out())
        .contains("8, top-3,")
        .contains("shared expert intermediate 64, 2 experts that the router weighs\n");
  }

  @Test
  void textHasARowForEachThing() {
    String text = MoeRun.of("inspect", Golden.directory("w4a16/qwen3_moe-awq_g128")).fine().out();
    assertThat(text)
        .contains("architecture  qwen3_moe\n")
        .contains("router        softmax, top-")
        .contains("int4 g128 (F16 scales, zero points)")
        .contains("cpu         runs it")
        .contains("problems      none");
    assertThat(MoeRun.of("inspect", Golden.directory("hf/deepseek_v32")).fine().out())
        .contains("layers        2; MoE layers (indices): 1\n")
        .contains(
            "router        sigmoid, correction bias, best 2 of 4 groups by their two highest,"
                + " top-3, renormalised, times 2.5\n")
        .contains("shared expert intermediate 48\n");
    assertThat(MoeRun.of("inspect", Golden.directory("hf/nemotron_h")).fine().out())
        .contains(
            "experts       8, top-3, hidden 64, intermediate 24, relu_squared without a gate\n");
  }

  @Test
  void anUnknownArchitectureIsShownWithTheReasonAndItsTensors() {
    Path checkpoint = Golden.copy("hf/mixtral", directory);
    Golden.editConfig(checkpoint, "\"model_type\": \"mixtral\"", "\"model_type\": \"zamba\"");
    MoeRun run = MoeRun.of("inspect", checkpoint).fine();
    assertThat(run.out())
        .contains("architecture  zamba (not supported)")
        .contains("model_type \"zamba\" is not supported (supported: ")
        .contains("cpu         no: no layer can be made of this checkpoint")
        .contains("block_sparse_moe.experts.*.w1.weight");
  }

  @Test
  void anUnsupportedQuantisationIsOneProblemOfAllItsLayers() {
    Path checkpoint = Golden.copy("hf/mixtral", directory);
    Golden.editConfig(
        checkpoint,
        "\"vocab_size\"",
        "\"quantization_config\": {\"quant_method\": \"hqq\"}, \"vocab_size\"");
    MoeRun run = MoeRun.of("inspect", checkpoint, "--json").fine();
    assertThat(run.objects("problems")).hasSize(1);
    assertThat(run.objects("problems").getFirst().get("problem").toString()).contains("\"hqq\"");
    assertThat(run.objects("problems").getFirst()).containsEntry("layers", List.of(0, 1));
  }

  @Test
  void aLayerWithoutItsTensorsIsAProblemAndTheOthersStay() {
    Path checkpoint = Golden.copy("hf/mixtral", directory);
    Golden.rewrite(
        checkpoint.resolve("model.safetensors"),
        tensor -> tensor.name().startsWith("model.layers.1.") ? null : tensor);
    MoeRun run = MoeRun.of("inspect", checkpoint, "--json").fine();
    Map<String, Object> problem = run.objects("problems").getFirst();
    assertThat(problem.get("problem").toString())
        .contains("model.layers.1.block_sparse_moe.gate.weight", "is missing");
    assertThat(problem).containsEntry("layers", List.of(1));
    assertThat(run.objects("weights")).isNotEmpty();
  }

  /// It would hold dozens of tensors.
  @Test
  void aMissingShardIsOneProblem() throws IOException {
    Path checkpoint = Golden.copy("hf/mixtral", directory);
    Path whole = checkpoint.resolve("model.safetensors");
    String map;
    try (TensorFile file = TensorFile.open(whole)) {
      map =
          file.names().stream()
              .map(name ->
                  String.format(
                      Locale.ROOT,
                      "\"%s\": \"%s.safetensors\"",
                      name,
                      name.contains("layers.0.") ? "here" : "missing"))
              .collect(Collectors.joining(", "));
    }
    Golden.rewrite(whole, tensor -> tensor.name().contains("layers.0.") ? tensor : null);
    Files.move(whole, checkpoint.resolve("here.safetensors"));
    Files.writeString(
        checkpoint.resolve("model.safetensors.index.json"),
        String.format(Locale.ROOT, "{\"weight_map\": {%s}}", map));
    MoeRun run = MoeRun.of("inspect", checkpoint, "--json").fine();
    assertThat(run.objects("problems").getFirst().get("problem").toString())
        .contains("missing.safetensors: shard is missing");
    assertThat(run.objects("problems").getFirst()).containsEntry("layers", List.of(1));
    assertThat(run.objects("problems")).hasSizeLessThan(8);
    assertThat(run.objects("weights")).isNotEmpty();
  }

  @Test
  void oneFileIsInspectedByItsTensors() {
    Path file = Golden.directory("hf/olmoe").resolve("model.safetensors");
    MoeRun run = MoeRun.of("inspect", file, "--json").fine();
    assertThat(run.json()).containsEntry("file", file.toString());
    assertThat(run.objects("tensors")).isNotEmpty();
    assertThat(MoeRun.of("inspect", file).fine().out()).contains("mlp.experts.*.down_proj.weight");
  }

  @Test
  void whatCannotBeReadIsAnError() throws IOException {
    assertThat(MoeRun.of("inspect", directory.resolve("nowhere")).refusal())
        .contains("no such directory");
    Path broken = Files.writeString(directory.resolve("broken.safetensors"), "nothing");
    assertThat(MoeRun.of("inspect", broken).refusal()).contains("broken.safetensors");
  }
}
