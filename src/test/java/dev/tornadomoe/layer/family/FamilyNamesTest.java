package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.TensorSet;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SharedExperts;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Layer 1 of each family under the names that its releases use, and under those that transformers
/// 5 writes when it does not restore them.
class FamilyNamesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String TEXT = "model.layers.1.";
  private static final String QWEN_VL = "model.language_model.layers.1.";
  private static final String LLAMA_VL = "language_model.model.layers.1.";
  private static final String FUSED_GATE_UP = "experts.gate_up_proj";
  private static final String FUSED_DOWN = "experts.down_proj";

  @TempDir Path directory;

  /// @param shared I of the shared expert, or 0
  /// @param sharedGate whether a sigmoid multiplies its result
  record Names(
      String family,
      String style,
      String config,
      TensorSet tensors,
      int shared,
      boolean sharedGate) {
    @Override
    public String toString() {
      return family + ", " + style;
    }
  }

  static Stream<Names> mixtralAndPhi() {
    return Stream.of("mixtral", "phimoe")
        .flatMap(family -> {
          String config = FamilyConfig.of(family).json();
          String router = family.equals("mixtral") ? "mlp.gate" : "mlp.router";
          return Stream.of(
              plain(
                  family,
                  "released",
                  config,
                  block(TEXT, "block_sparse_moe.", "gate")
                      .putAll(
                          BLOCK.perExpert(TEXT + "block_sparse_moe.experts.", "w1", "w3", "w2"))),
              plain(
                  family,
                  "v5",
                  config,
                  BLOCK
                      .router(TEXT + router)
                      .putAll(
                          BLOCK.fused(TEXT + "mlp." + FUSED_GATE_UP, TEXT + "mlp." + FUSED_DOWN))),
              plain(
                  family,
                  "v5, one by one",
                  config,
                  BLOCK.router(TEXT + router).putAll(perExpert(TEXT + "mlp."))));
        });
  }

  static Stream<Names> qwenAndOlmo() {
    return Stream.of("qwen3_moe", "olmoe")
        .flatMap(family -> {
          String config = FamilyConfig.of(family).json();
          return Stream.of(
              plain(
                  family,
                  "released",
                  config,
                  block(TEXT, "mlp.", "gate").putAll(perExpert(TEXT + "mlp."))),
              plain(
                  family,
                  "v5",
                  config,
                  block(TEXT, "mlp.", "gate")
                      .putAll(
                          BLOCK.fused(TEXT + "mlp." + FUSED_GATE_UP, TEXT + "mlp." + FUSED_DOWN))),
              plain(
                  family,
                  "v5 config",
                  FamilyConfig.of(family).renamed("num_experts", "num_local_experts").json(),
                  block(TEXT, "mlp.", "gate").putAll(perExpert(TEXT + "mlp."))),
              plain(
                  family,
                  "saved without its head",
                  config,
                  block("layers.1.", "mlp.", "gate").putAll(perExpert("layers.1.mlp."))));
        });
  }

  static Stream<Names> qwenWithSharedExpert() {
    Function<String, TensorSet> shared =
        prefix ->
            BLOCK
                .shared(prefix + "mlp.shared_expert", SHARED)
                .putAll(BLOCK.sharedGate(prefix + "mlp.shared_expert_gate"));
    Function<String, TensorSet> oneByOne =
        prefix ->
            block(prefix, "mlp.", "gate")
                .putAll(perExpert(prefix + "mlp."))
                .putAll(shared.apply(prefix));
    Function<String, TensorSet> fused =
        prefix ->
            block(prefix, "mlp.", "gate")
                .putAll(BLOCK.fused(prefix + "mlp." + FUSED_GATE_UP, prefix + "mlp." + FUSED_DOWN))
                .putAll(shared.apply(prefix));
    String qwen2 = FamilyConfig.of("qwen2_moe").json();
    String text = FamilyConfig.of("qwen3_5_moe_text").json();
    String wrapper = FamilyConfig.of("qwen3_5_moe_text").insideOf("qwen3_5_moe");
    TensorSet withMtp =
        fused
            .apply(QWEN_VL)
            .putAll(BLOCK.router("mtp.layers.1.mlp.gate"))
            .putAll(
                BLOCK.fused("mtp.layers.1.mlp." + FUSED_GATE_UP, "mtp.layers.1.mlp." + FUSED_DOWN));
    return Stream.of(
        new Names("qwen2_moe", "released", qwen2, oneByOne.apply(TEXT), SHARED, true),
        new Names("qwen2_moe", "v5", qwen2, fused.apply(TEXT), SHARED, true),
        new Names("qwen3_5_moe", "released", wrapper, withMtp, SHARED, true),
        new Names("qwen3_5_moe", "one by one", wrapper, oneByOne.apply(QWEN_VL), SHARED, true),
        new Names("qwen3_5_moe_text", "fused", text, fused.apply(TEXT), SHARED, true),
        new Names("qwen3_5_moe_text", "one by one", text, oneByOne.apply(TEXT), SHARED, true),
        // Loaded as a text model and saved again: a flat config, the wrapper's names.
        new Names("qwen3_5_moe_text", "wrapper's names", text, fused.apply(QWEN_VL), SHARED, true));
  }

  static Stream<Names> deepseekAndGlm() {
    return Stream.of("deepseek_v2", "deepseek_v3", "glm4_moe")
        .flatMap(family -> {
          int size = family.equals("deepseek_v2") ? 2 * INTERMEDIATE : INTERMEDIATE;
          Function<TensorSet, TensorSet> rest =
              experts -> {
                TensorSet set =
                    block(TEXT, "mlp.", "gate")
                        .putAll(experts)
                        .putAll(BLOCK.shared(TEXT + "mlp.shared_experts", size));
                return family.equals("deepseek_v2")
                    ? set
                    : set.put(
                        BlockTensors.vector(
                            TEXT + "mlp.gate.e_score_correction_bias", "correction", 0, EXPERTS));
              };
          String config = FamilyConfig.of(family).json();
          return Stream.of(
              new Names(
                  family, "released", config, rest.apply(perExpert(TEXT + "mlp.")), size, false),
              new Names(
                  family,
                  "v5",
                  config,
                  rest.apply(
                      BLOCK.fused(TEXT + "mlp." + FUSED_GATE_UP, TEXT + "mlp." + FUSED_DOWN)),
                  size,
                  false));
        });
  }

  static Stream<Names> granite() {
    String block = TEXT + "block_sparse_moe.";
    String config = FamilyConfig.of("granitemoe").json();
    return Stream.of(
        plain(
            "granitemoe",
            "released",
            config,
            BLOCK
                .router(block + "router.layer")
                .putAll(
                    BLOCK.fused(block + "input_linear.weight", block + "output_linear.weight"))),
        plain(
            "granitemoe",
            "v5",
            config,
            BLOCK
                .router(block + "router")
                .putAll(BLOCK.fused(block + FUSED_GATE_UP, block + FUSED_DOWN))),
        plain(
            "granitemoe",
            "one by one",
            config,
            BLOCK.router(block + "router").putAll(perExpert(block))));
  }

  static Stream<Names> llama4() {
    String text = FamilyConfig.of("llama4_text").json();
    String wrapper = FamilyConfig.of("llama4_text").insideOf("llama4");
    Function<String, TensorSet> router =
        prefix ->
            block(prefix, "feed_forward.", "router")
                .putAll(BLOCK.shared(prefix + "feed_forward.shared_expert", INTERMEDIATE));
    Function<String, TensorSet> released =
        prefix ->
            router
                .apply(prefix)
                .putAll(
                    BLOCK.transposed(
                        prefix + "feed_forward." + FUSED_GATE_UP,
                        prefix + "feed_forward." + FUSED_DOWN));
    return Stream.of(
        new Names("llama4", "released", wrapper, released.apply(LLAMA_VL), INTERMEDIATE, false),
        new Names("llama4_text", "text only", text, released.apply(TEXT), INTERMEDIATE, false),
        new Names(
            "llama4",
            "one by one",
            wrapper,
            router.apply(LLAMA_VL).putAll(perExpert(LLAMA_VL + "feed_forward.")),
            INTERMEDIATE,
            false));
  }

  @ParameterizedTest
  @MethodSource({
    "mixtralAndPhi",
    "qwenAndOlmo",
    "qwenWithSharedExpert",
    "deepseekAndGlm",
    "granite",
    "llama4"
  })
  void readsEveryElement(Names names) {
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, names.config(), names.tensors().tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(0, 1);
      MoeLayer layer = model.layer(1);
      assertThat(layer.index()).isEqualTo(1);
      BLOCK.assertRouter(layer);
      BLOCK.assertExperts(layer);
      if (names.shared() == 0) {
        assertThat(layer.shared()).isNull();
      } else {
        SharedExperts shared = Objects.requireNonNull(layer.shared());
        BLOCK.assertShared(shared, names.shared(), names.sharedGate());
      }
    }
  }

  private static Names plain(String family, String style, String config, TensorSet tensors) {
    return new Names(family, style, config, tensors, 0, false);
  }

  private static TensorSet block(String prefix, String block, String router) {
    return BLOCK.router(prefix + block + router);
  }

  private static TensorSet perExpert(String block) {
    return BLOCK.perExpert(block + "experts.", "gate_proj", "up_proj", "down_proj");
  }
}
