package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.MoeLayer;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Layer 1 of each text family under the names that its releases use, and under those that
/// transformers 5 writes when it does not restore them.
class FamilyNamesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String LAYER = "model.layers.1.";
  private static final String MLP = LAYER + "mlp.";
  private static final String SPARSE = LAYER + "block_sparse_moe.";

  @TempDir Path directory;

  /// @param shared I of the shared expert, or 0
  /// @param sharedGate whether a sigmoid multiplies its result
  record Names(
      FamilyConfig config, String style, TensorSet tensors, int shared, boolean sharedGate) {
    @Override
    public String toString() {
      return config.json().replaceAll(".*\"model_type\": \"(\\w+)\".*", "$1") + ", " + style;
    }
  }

  static Stream<Names> mixtralAndPhi() {
    return Stream.of("mixtral", "phimoe")
        .flatMap(family -> {
          FamilyConfig config = FamilyConfig.of(family);
          String router = MLP + (family.equals("mixtral") ? "gate" : "router");
          TensorSet released = BLOCK.perExpert(SPARSE + "experts.", "w1", "w3", "w2");
          return Stream.of(
              names(config, "released", BLOCK.router(SPARSE + "gate").putAll(released)),
              names(config, "v5", BLOCK.router(router).putAll(BLOCK.fused(MLP))),
              names(config, "v5, one by one", BLOCK.router(router).putAll(BLOCK.perExpert(MLP))));
        });
  }

  static Stream<Names> qwen3AndOlmo() {
    return Stream.of("qwen3_moe", "olmoe")
        .flatMap(family -> {
          FamilyConfig config = FamilyConfig.of(family);
          FamilyConfig renamed =
              FamilyConfig.of(family).renamed("num_experts", "num_local_experts");
          TensorSet released = BLOCK.router(MLP + "gate").putAll(BLOCK.perExpert(MLP));
          TensorSet headless =
              BLOCK.router("layers.1.mlp.gate").putAll(BLOCK.perExpert("layers.1.mlp."));
          return Stream.of(
              names(config, "released", released),
              names(config, "v5", BLOCK.router(MLP + "gate").putAll(BLOCK.fused(MLP))),
              names(renamed, "v5 config", released),
              names(config, "saved without its head", headless));
        });
  }

  static Stream<Names> qwen2() {
    TensorSet shared =
        BLOCK
            .router(MLP + "gate")
            .putAll(BLOCK.shared(MLP + "shared_expert", SHARED))
            .putAll(BLOCK.sharedGate(MLP + "shared_expert_gate"));
    FamilyConfig config = FamilyConfig.of("qwen2_moe");
    return Stream.of(
        new Names(config, "released", BLOCK.perExpert(MLP).putAll(shared), SHARED, true),
        new Names(config, "v5", BLOCK.fused(MLP).putAll(shared), SHARED, true));
  }

  static Stream<Names> deepseekAndGlm() {
    return Stream.of("deepseek_v2", "deepseek_v3", "glm4_moe")
        .flatMap(family -> {
          boolean v2 = family.equals("deepseek_v2"); // two shared experts, no correction bias
          int size = v2 ? 2 * INTERMEDIATE : INTERMEDIATE;
          TensorSet rest =
              BLOCK.router(MLP + "gate").putAll(BLOCK.shared(MLP + "shared_experts", size));
          if (!v2) {
            String name = MLP + "gate.e_score_correction_bias";
            rest.put(BlockTensors.vector(name, "correction", 0, EXPERTS));
          }
          FamilyConfig config = FamilyConfig.of(family);
          return Stream.of(
              new Names(config, "released", BLOCK.perExpert(MLP).putAll(rest), size, false),
              new Names(config, "v5", BLOCK.fused(MLP).putAll(rest), size, false));
        });
  }

  static Stream<Names> granite() {
    FamilyConfig config = FamilyConfig.of("granitemoe");
    TensorSet released =
        BLOCK.fused(SPARSE + "input_linear.weight", SPARSE + "output_linear.weight");
    TensorSet router = BLOCK.router(SPARSE + "router");
    return Stream.of(
        names(config, "released", BLOCK.router(SPARSE + "router.layer").putAll(released)),
        names(config, "v5", BLOCK.fused(SPARSE).putAll(router)),
        names(config, "one by one", BLOCK.perExpert(SPARSE).putAll(router)));
  }

  @ParameterizedTest
  @MethodSource({"mixtralAndPhi", "qwen3AndOlmo", "qwen2", "deepseekAndGlm", "granite"})
  void readsEveryElement(Names names) {
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, names.config().json(), names.tensors().tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(0, 1);
      MoeLayer layer = model.layer(1);
      assertThat(layer.index()).isEqualTo(1);
      BLOCK.assertLayer(layer, names.shared(), names.sharedGate());
    }
  }

  private static Names names(FamilyConfig config, String style, TensorSet tensors) {
    return new Names(config, style, tensors, 0, false);
  }
}
