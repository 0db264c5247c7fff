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
import dev.tornadomoe.layer.Router;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Layer 1 of families whose parts have names of their own, as released and as transformers 5 has
/// them in memory, which is what it writes where it does not restore the released names.
class ReleasedNamesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String LAYER = "model.layers.1.";
  private static final String MLP = LAYER + "mlp.";
  private static final String SPARSE = LAYER + "block_sparse_moe.";
  private static final String FEED = LAYER + "feed_forward.";

  @TempDir Path directory;

  /// @param shared I of the shared expert, or 0
  /// @param sharedGate whether a sigmoid multiplies its result
  /// @param corrected whether there is a selection bias
  record Names(
      String config,
      String style,
      TensorSet tensors,
      int shared,
      boolean sharedGate,
      boolean corrected) {
    @Override
    public String toString() {
      return config.replaceAll("^\\{\"model_type\": \"(\\w+)\".*", "$1") + ", " + style;
    }
  }

  static Stream<Names> granite() {
    return Stream.of("granitemoeshared", "granitemoehybrid", "granitemoe_swa")
        .flatMap(family -> {
          TensorSet shared = sharedHalves(LAYER + "shared_mlp");
          TensorSet released =
              BLOCK
                  .fused(SPARSE + "input_linear.weight", SPARSE + "output_linear.weight")
                  .putAll(BLOCK.router(SPARSE + "router.layer"));
          TensorSet v5 = BLOCK.fused(SPARSE).putAll(BLOCK.router(SPARSE + "router"));
          FamilyConfig without = FamilyConfig.of(family).with("shared_intermediate_size", 0);
          return Stream.of(
              names(family, "released", copy(released).putAll(shared), SHARED, false),
              names(family, "v5", v5.putAll(shared), SHARED, false),
              new Names(without.json(), "no shared expert", released, 0, false, false));
        });
  }

  static Stream<Names> ernie() {
    TensorSet rest = BLOCK.shared(MLP + "shared_experts", 2 * INTERMEDIATE).putAll(gate(MLP));
    return Stream.of("moe_statics.", "gate.moe_statics.")
        .map(owner ->
            names(
                "ernie4_5_moe",
                owner,
                copy(rest)
                    .putAll(BLOCK.perExpert(MLP))
                    .put(
                        BlockTensors.matrix(
                            MLP + owner + "e_score_correction_bias", "correction", 0, 1, EXPERTS)),
                2 * INTERMEDIATE,
                true));
  }

  static Stream<Names> hunyuan() {
    TensorSet rest =
        BLOCK.shared(MLP + "shared_mlp", INTERMEDIATE).putAll(BLOCK.router(MLP + "gate.wg"));
    return bothForms("hunyuan_v1_moe", MLP, rest, INTERMEDIATE, false);
  }

  static Stream<Names> miniMax() {
    TensorSet released = BLOCK.perExpert(SPARSE + "experts.", "w1", "w3", "w2");
    TensorSet m2 = correction(SPARSE + "e_score_correction_bias").putAll(gate(SPARSE));
    TensorSet m2v5 = correction(MLP + "e_score_correction_bias").putAll(gate(MLP));
    return Stream.concat(
        Stream.of("minimax", "minimax_text_01", "minimax_m1")
            .flatMap(family ->
                Stream.of(
                    names(family, "released", copy(released).putAll(gate(SPARSE)), 0, false),
                    names(family, "v5", BLOCK.fused(MLP).putAll(gate(MLP)), 0, false))),
        Stream.of(
            names("minimax_m2", "released", copy(released).putAll(m2), 0, true),
            names("minimax_m2", "v5", BLOCK.fused(MLP).putAll(m2v5), 0, true)));
  }

  static Stream<Names> sigmoidWithBias() {
    TensorSet shared = BLOCK.shared(MLP + "shared_experts", INTERMEDIATE);
    TensorSet afmoe = copy(shared).putAll(BLOCK.router(MLP + "router.gate"));
    TensorSet gated = copy(shared).putAll(gate(MLP));
    TensorSet lfm2 = gate(FEED).putAll(correction(FEED + "expert_bias"));
    return Stream.of(
            bothForms(
                "afmoe", MLP, afmoe.putAll(correction(MLP + "expert_bias")), INTERMEDIATE, true),
            bothForms(
                "exaone_moe",
                MLP,
                copy(gated).putAll(correction(MLP + "e_score_correction_bias")),
                INTERMEDIATE,
                true),
            bothForms(
                "exaone_moe",
                MLP,
                copy(gated).putAll(correction(MLP + "gate.e_score_correction_bias")),
                INTERMEDIATE,
                true),
            bothForms(
                "bailing_moe_v2",
                MLP,
                copy(gated).putAll(correction(MLP + "gate.expert_bias")),
                INTERMEDIATE,
                true),
            Stream.of(
                names(
                    "lfm2_moe",
                    "released",
                    BLOCK.perExpert(FEED + "experts.", "w1", "w3", "w2").putAll(lfm2),
                    0,
                    true),
                names("lfm2_moe", "v5", BLOCK.fused(FEED).putAll(lfm2), 0, true)))
        .flatMap(s -> s);
  }

  static Stream<Names> kimiLinearHunyuan3AndMimo() {
    TensorSet hunyuan =
        BLOCK
            .shared(MLP + "shared_mlp", INTERMEDIATE)
            .putAll(BLOCK.router(MLP + "router.gate"))
            .putAll(correction(MLP + "expert_bias"));
    TensorSet kimi =
        BLOCK
            .shared(SPARSE + "shared_experts", INTERMEDIATE)
            .putAll(gate(SPARSE))
            .putAll(correction(SPARSE + "gate.e_score_correction_bias"))
            .putAll(BLOCK.perExpert(SPARSE + "experts.", "w1", "w3", "w2"));
    TensorSet mimo = gate(MLP).putAll(correction(MLP + "gate.e_score_correction_bias"));
    return Stream.of(
            bothForms("hy_v3", MLP, hunyuan, INTERMEDIATE, true),
            bothForms("mimo_v2_flash", MLP, mimo, 0, true),
            Stream.of(names("kimi_linear", "released", kimi, INTERMEDIATE, true)))
        .flatMap(s -> s);
  }

  static Stream<Names> deepseekAlikes() {
    return Stream.of(
            "deepseek_v32", "kimi_k2", "glm4_moe_lite", "glm_moe_dsa", "dots1", "solar_open")
        .flatMap(family ->
            bothForms(
                family,
                MLP,
                BLOCK
                    .shared(MLP + "shared_experts", INTERMEDIATE)
                    .putAll(gate(MLP))
                    .putAll(correction(MLP + "gate.e_score_correction_bias")),
                INTERMEDIATE,
                true));
  }

  static Stream<Names> softmax() {
    TensorSet next =
        gate(MLP)
            .putAll(BLOCK.shared(MLP + "shared_expert", SHARED))
            .putAll(BLOCK.sharedGate(MLP + "shared_expert_gate"));
    TensorSet ling = gate(MLP).putAll(BLOCK.shared(MLP + "shared_experts", 2 * INTERMEDIATE));
    return Stream.of(
            bothForms("jamba", FEED, BLOCK.router(FEED + "router"), 0, false),
            bothForms("flex_olmo", MLP, gate(MLP), 0, false),
            bothForms("mellum", MLP, gate(MLP), 0, false),
            bothForms(
                "laguna",
                MLP,
                gate(MLP)
                    .putAll(BLOCK.shared(MLP + "shared_expert", SHARED))
                    .putAll(correction(MLP + "experts.e_score_correction_bias")),
                SHARED,
                true),
            bothForms("bailing_moe", MLP, ling, 2 * INTERMEDIATE, false),
            Stream.of(
                new Names(
                    FamilyConfig.of("qwen3_next").json(),
                    "released",
                    BLOCK.perExpert(MLP).putAll(next),
                    SHARED,
                    true,
                    false)))
        .flatMap(s -> s);
  }

  @ParameterizedTest
  @MethodSource({
    "granite",
    "ernie",
    "hunyuan",
    "miniMax",
    "sigmoidWithBias",
    "deepseekAlikes",
    "kimiLinearHunyuan3AndMimo",
    "softmax"
  })
  void readsEveryElement(Names names) {
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, names.config(), names.tensors().tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(0, 1);
      MoeLayer layer = model.layer(1);
      BLOCK.assertLayer(layer, names.shared(), names.sharedGate());
      Router router = Objects.requireNonNull(layer.router());
      assertThat(router.bias()).isNull();
      if (names.corrected()) {
        BlockTensors.assertBias(router.correctionBias(), "correction", 0, EXPERTS);
      } else {
        assertThat(router.correctionBias()).isNull();
      }
    }
  }

  private static Stream<Names> bothForms(
      String family, String block, TensorSet rest, int shared, boolean corrected) {
    return Stream.of(
        names(family, "released", BLOCK.perExpert(block).putAll(rest), shared, corrected),
        names(family, "v5", BLOCK.fused(block).putAll(rest), shared, corrected));
  }

  private static Names names(
      String family, String style, TensorSet tensors, int shared, boolean corrected) {
    return new Names(FamilyConfig.of(family).json(), style, tensors, shared, false, corrected);
  }

  private static TensorSet gate(String block) {
    return BLOCK.router(block + "gate");
  }

  private static TensorSet correction(String name) {
    return TensorSet.of(BlockTensors.vector(name, "correction", 0, EXPERTS));
  }

  private static TensorSet copy(TensorSet set) {
    return new TensorSet().putAll(set);
  }

  /// Granite's `input_linear` `[2S, H]`, the gate's rows first, and `output_linear` `[H, S]`.
  private static TensorSet sharedHalves(String module) {
    return TensorSet.of(
        BlockTensors.stacked(module + ".input_linear.weight", SHARED, HIDDEN),
        BlockTensors.matrix(module + ".output_linear.weight", "shared down", 0, HIDDEN, SHARED));
  }
}
