package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Layer 1 of the families of 2026, and of Aria, in the names of their released checkpoints and in
/// those that transformers 5 saves.
class RecentNamesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String MLP = "model.layers.1.mlp.";
  private static final String LANGUAGE = "model.language_model.layers.1.mlp.";

  @TempDir Path directory;

  /// @param shared I of the shared expert, or 0
  /// @param sharedGate whether a sigmoid multiplies its result
  /// @param corrected whether there is a selection bias
  record Names(
      String name,
      String config,
      TensorSet tensors,
      int shared,
      boolean sharedGate,
      boolean corrected) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Names> withSigmoidGate() {
    TensorSet qwen4 =
        BLOCK
            .router(LANGUAGE + "gate")
            .putAll(BLOCK.shared(LANGUAGE + "shared_expert", SHARED))
            .putAll(BLOCK.sharedGate(LANGUAGE + "shared_expert_gate"));
    TensorSet talker =
        BLOCK
            .fused(MLP)
            .putAll(BLOCK.router(MLP + "gate"))
            .putAll(BLOCK.shared(MLP + "shared_expert", SHARED))
            .putAll(BLOCK.sharedGate(MLP + "shared_expert_gate"));
    String config = FamilyConfig.of("qwen4_exp_text").insideOf("qwen4_exp");
    return Stream.of(
        new Names(
            "qwen4_exp", config, BLOCK.perExpert(LANGUAGE).putAll(qwen4), SHARED, true, false),
        new Names(
            "qwen4_exp, v5", config, BLOCK.fused(LANGUAGE).putAll(qwen4), SHARED, true, false),
        new Names(
            "qwen3_omni_moe_talker",
            FamilyConfig.of("qwen3_omni_moe_talker_text").insideOf("qwen3_omni_moe_talker"),
            talker,
            SHARED,
            true,
            false));
  }

  static Stream<Names> deepseekAlikes() {
    return Stream.of(
        new Names(
            "glm5_next",
            FamilyConfig.of("glm5_next_text").insideOf("glm5_next"),
            BLOCK.perExpert(LANGUAGE).putAll(deepseek(LANGUAGE)),
            INTERMEDIATE,
            false,
            true),
        new Names(
            "axk2",
            FamilyConfig.of("axk2").json(),
            BLOCK.perExpert(MLP).putAll(deepseek(MLP)),
            INTERMEDIATE,
            false,
            true),
        new Names(
            "hy_v4",
            FamilyConfig.of("hy_v4").json(),
            BLOCK.fused(MLP).putAll(deepseek(MLP)),
            INTERMEDIATE,
            false,
            true),
        new Names(
            "hy_v4, as transformers saves its shared expert",
            FamilyConfig.of("hy_v4").json(),
            BLOCK
                .fused(MLP)
                .putAll(BLOCK.router(MLP + "gate"))
                .putAll(correction(MLP + "gate.e_score_correction_bias"))
                .putAll(sharedWithLinearGate(MLP + "shared_experts.")),
            INTERMEDIATE,
            false,
            true));
  }

  static Stream<Names> othersWithSharedExperts() {
    String inMistral3 = "language_model.model.layers.1.mlp.";
    String m3 = "language_model.model.layers.1.block_sparse_moe.";
    String aria = "language_model.model.layers.1.mlp.";
    return Stream.of(
        new Names(
            "minimax_m3_vl",
            FamilyConfig.of("minimax_m3_vl_text").insideOf("minimax_m3_vl"),
            BLOCK
                .perExpert(m3 + "experts.", "w1", "w3", "w2")
                .putAll(BLOCK.router(m3 + "gate"))
                .putAll(correction(m3 + "e_score_correction_bias"))
                .putAll(BLOCK.shared(m3 + "shared_experts", SHARED)),
            SHARED,
            false,
            true),
        new Names(
            "mistral4",
            FamilyConfig.of("mistral4").json(),
            BLOCK
                .fused(MLP)
                .putAll(BLOCK.router(MLP + "gate"))
                .putAll(BLOCK.shared(MLP + "shared_experts", INTERMEDIATE)),
            INTERMEDIATE,
            false,
            false),
        new Names(
            "mistral4 in mistral3",
            FamilyConfig.of("mistral4").insideOf("mistral3"),
            BLOCK
                .fused(inMistral3)
                .putAll(BLOCK.router(inMistral3 + "gate"))
                .putAll(BLOCK.shared(inMistral3 + "shared_experts", INTERMEDIATE)),
            INTERMEDIATE,
            false,
            false),
        new Names(
            "cohere2_moe, added",
            FamilyConfig.of("cohere2_moe").with("shared_expert_combination_strategy", "sum").json(),
            BLOCK
                .perExpert(MLP)
                .putAll(BLOCK.router(MLP + "gate"))
                .putAll(BLOCK.shared(MLP + "shared_experts", 2 * INTERMEDIATE)),
            2 * INTERMEDIATE,
            false,
            false),
        new Names(
            "aria",
            FamilyConfig.of("aria_text").insideOf("aria"),
            BLOCK
                .transposed(aria + "experts.fc1.weight", aria + "experts.fc2.weight")
                .putAll(BLOCK.router(aria + "router"))
                .putAll(BLOCK.shared(aria + "shared_experts", 2 * INTERMEDIATE)),
            2 * INTERMEDIATE,
            false,
            false),
        new Names("step3p5", FamilyConfig.of("step3p5").json(), step(), SHARED, false, true),
        new Names(
            "step3p7",
            FamilyConfig.of("step3p5").insideOf("step3p7"),
            step(),
            SHARED,
            false,
            true));
  }

  /// DeepSeek-OCR-2: the vision encoder's layers are named like a language model's, further down.
  static Stream<Names> besideAnEncoder() {
    String encoder = "model.qwen2_model.model.model.layers.1.mlp";
    return Stream.of(
        new Names(
            "deepseek_ocr2",
            FamilyConfig.of("deepseek_ocr2_text").insideOf("deepseek_ocr2"),
            BLOCK
                .perExpert(MLP)
                .putAll(BLOCK.router(MLP + "gate"))
                .putAll(BLOCK.shared(MLP + "shared_experts", INTERMEDIATE))
                .putAll(new BlockTensors(7, 5, 1).shared(encoder, 5)),
            INTERMEDIATE,
            false,
            false));
  }

  @ParameterizedTest
  @MethodSource({"withSigmoidGate", "deepseekAlikes", "othersWithSharedExperts", "besideAnEncoder"})
  void readsEveryElement(Names names) {
    read(
        names.config(),
        names.tensors(),
        layer -> {
          BLOCK.assertLayer(layer, names.shared(), names.sharedGate());
          Router router = Objects.requireNonNull(layer.router());
          assertThat(router.bias()).isNull();
          if (names.corrected()) {
            BlockTensors.assertBias(router.correctionBias(), "correction", 0, EXPERTS);
          } else {
            assertThat(router.correctionBias()).isNull();
          }
        });
  }

  /// Without the language model's blocks there is nothing to read: not the encoder's layers.
  @Test
  void takesNoEncoderForTheLanguageModel() {
    TensorSet encoder =
        BLOCK
            .perExpert("model.qwen2_model.model.model.layers.1.mlp.")
            .putAll(BLOCK.router("model.qwen2_model.model.model.layers.1.mlp.gate"));
    String config = FamilyConfig.of("deepseek_ocr2_text").insideOf("deepseek_ocr2");
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, encoder.tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(1))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("\"" + MLP + "gate.weight\" is missing");
    }
  }

  /// Half of the shared expert: a gate of zeros, so no tensor's.
  @Test
  void averagesWithCoheresSharedExperts() {
    TensorSet tensors =
        BLOCK
            .perExpert(MLP)
            .putAll(BLOCK.router(MLP + "gate"))
            .putAll(BLOCK.shared(MLP + "shared_experts", 2 * INTERMEDIATE));
    read(
        FamilyConfig.of("cohere2_moe").json(),
        tensors,
        layer -> {
          BLOCK.assertExperts(layer);
          assertThat(Objects.requireNonNull(layer.shared()).isHalf()).isTrue();
          assertThat(scale(layer)).isEqualTo(0.5f);
        });
  }

  @Test
  void readsCohereWithoutSharedExperts() {
    TensorSet tensors = BLOCK.perExpert(MLP).putAll(BLOCK.router(MLP + "gate"));
    read(
        FamilyConfig.of("cohere2_moe").with("num_shared_experts", 0).json(),
        tensors,
        layer -> {
          BLOCK.assertLayer(layer, 0, false);
          assertThat(scale(layer)).isEqualTo(1);
        });
  }

  private static float scale(MoeLayer layer) {
    return ((TopKGating) Objects.requireNonNull(layer.router()).gating()).scale();
  }

  private void read(String config, TensorSet tensors, Consumer<MoeLayer> check) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(0, 1);
      check.accept(model.layer(1));
    }
  }

  private static TensorSet step() {
    String moe = "model.layers.1.moe.";
    TensorSet set =
        BLOCK
            .router(moe + "gate")
            .putAll(correction(moe + "router_bias"))
            .putAll(BLOCK.shared("model.layers.1.share_expert", SHARED))
            .put(BLOCK.down(moe + "down_proj.weight", false));
    for (String what : List.of("gate", "up")) {
      set.put(
          HeapTensors.bf16(
              moe + what + "_proj.weight",
              Shape.of(EXPERTS, INTERMEDIATE, HIDDEN),
              BLOCK.below("", what).toFloats()));
    }
    return set;
  }

  private static TensorSet sharedWithLinearGate(String module) {
    return TensorSet.of(
        BlockTensors.matrix(module + "linear_gate.weight", "shared gate", 0, INTERMEDIATE, HIDDEN),
        BlockTensors.matrix(module + "up_proj.weight", "shared up", 0, INTERMEDIATE, HIDDEN),
        BlockTensors.matrix(module + "down_proj.weight", "shared down", 0, HIDDEN, INTERMEDIATE));
  }

  private static TensorSet deepseek(String block) {
    return BLOCK
        .router(block + "gate")
        .putAll(correction(block + "gate.e_score_correction_bias"))
        .putAll(BLOCK.shared(block + "shared_experts", INTERMEDIATE));
  }

  private static TensorSet correction(String name) {
    return TensorSet.of(BlockTensors.vector(name, "correction", 0, EXPERTS));
  }
}
