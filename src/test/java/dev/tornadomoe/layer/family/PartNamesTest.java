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
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Checkpoints with several stacks of MoE layers, in the names of the released ones: ERNIE 4.5 VL's
/// experts for text and for images, DeepSeek-V4's ways to choose for both, Qwen3-Omni's thinker and
/// talker.
class PartNamesTest {
  /// The configs of [RecentConfigs] say `[8, 5]`.
  private static final int VISION_SIZE = 5;

  private static final String ERNIE = "model.layers.1.mlp.";
  private static final BlockTensors TEXT = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final BlockTensors VISION = new BlockTensors(HIDDEN, VISION_SIZE, EXPERTS);

  /// Another H, E and I than the thinker's.
  private static final BlockTensors TALKER = new BlockTensors(9, 4, 3);

  @TempDir Path directory;

  /// `[H, E]`.
  private static TensorView columns(String name, String what) {
    float[] values = new float[HIDDEN * EXPERTS];
    for (int i = 0; i < values.length; i++) {
      values[i] = BlockTensors.value(what, 0, i % EXPERTS, i / EXPERTS);
    }
    return HeapTensors.bf16(name, Shape.of(HIDDEN, EXPERTS), values);
  }

  /// `[2, E]`.
  private static TensorView corrections(String name) {
    float[] values = new float[2 * EXPERTS];
    for (int i = 0; i < values.length; i++) {
      values[i] = BlockTensors.value("correction", i / EXPERTS, 0, i % EXPERTS);
    }
    return HeapTensors.bf16(name, Shape.of(2, EXPERTS), values);
  }

  private static TensorSet ernie() {
    String experts = ERNIE + "experts.";
    return TEXT.perExpert(ERNIE)
        .putAll(VISION.perExpert(experts, EXPERTS, "gate_proj", "up_proj", "down_proj"))
        .putAll(TEXT.shared(ERNIE + "shared_experts", 2 * INTERMEDIATE))
        .put(columns(ERNIE + "gate.weight", "text router"))
        .put(columns(ERNIE + "gate.weight_1", "vision router"))
        .put(corrections(ERNIE + "moe_statics.e_score_correction_bias"));
  }

  private static String ernieConfig(String modelType, UnaryOperator<FamilyConfig> change) {
    FamilyConfig config = change.apply(FamilyConfig.of(modelType));
    return modelType.endsWith("_text") ? config.insideOf("ernie4_5_vl_moe") : config.json();
  }

  private void open(String config, TensorSet tensors, Consumer<MoeModel> check) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      check.accept(MoeModel.of(checkpoint));
    }
  }

  private static void assertRefused(Runnable reading, String... says) {
    assertThatThrownBy(reading::run).isInstanceOf(MoeException.class).hasMessageContainingAll(says);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ernie4_5_vl_moe_text", "ernie4_5_moe_vl"})
  void readsErniesExpertsForTextAndForImages(String modelType) {
    open(
        ernieConfig(modelType, config -> config),
        ernie(),
        model -> {
          assertThat(model.parts()).containsExactly("vision");
          assertLayer(model.layer(1), TEXT, 0, "text router");
          assertLayer(model.part("vision").layer(1), VISION, 1, "vision router");
        });
  }

  private static void assertLayer(MoeLayer layer, BlockTensors block, int modality, String name) {
    block.assertExperts(layer, modality * EXPERTS);
    TEXT.assertShared(layer.shared(), 2 * INTERMEDIATE, false);
    Router router = Objects.requireNonNull(layer.router());
    BlockTensors.assertMatrix(router.weight(), name, 0, EXPERTS, HIDDEN);
    BlockTensors.assertBias(router.correctionBias(), "correction", modality, EXPERTS);
    assertThat(router.gating())
        .isEqualTo(TopKGating.softmax(2, true).withEpsilon(0).withLeastSum(1e-12f));
  }

  /// One modality may have experts in layers where the other has a dense MLP.
  @Test
  void eachOfErniesModalitiesHasLayersOfItsOwn() {
    String config =
        ernieConfig(
            "ernie4_5_moe_vl",
            c ->
                c.with("num_hidden_layers", 6)
                    .withJson("moe_layer_start_index", "[1, 3]")
                    .withJson("moe_layer_end_index", "[5, 4]"));
    open(
        config,
        ernie(),
        model -> {
          assertThat(model.layerIndices()).containsExactly(1, 2, 3, 4, 5);
          assertThat(model.part("vision").layerIndices()).containsExactly(3, 4);
        });
  }

  @ParameterizedTest
  @CsvSource({
    "moe_num_experts, '[6, 7]', '\"moe_num_experts\" is [6, 7], expected as many for both'",
    "moe_num_experts, '[6]', expected two whole numbers from 1",
    "moe_intermediate_size, '[8, 5, 5]', '\"moe_intermediate_size\" is [8, 5, 5], expected two'",
    "moe_intermediate_size, '[8, 0]', expected two whole numbers from 1",
    "moe_intermediate_size, 'null', 'no \"moe_intermediate_size\"'",
    "moe_intermediate_size, '8', must be a list of whole numbers",
    "moe_layer_end_index, '[29]', '\"moe_layer_end_index\" is [29], expected two'",
  })
  void refusesNumbersThatAreNotForTextAndImages(String key, String value, String says) {
    String config = ernieConfig("ernie4_5_moe_vl", c -> c.withJson(key, value));
    assertRefused(() -> open(config, ernie(), model -> {}), directory.toString(), says);
  }

  @Test
  void namesWhatIsMissingOrTooMuchInErniesBlock() {
    String config = ernieConfig("ernie4_5_vl_moe_text", c -> c);
    assertRefused(
        () ->
            open(
                config,
                ernie().remove(ERNIE + "gate.weight_1"),
                model -> model.part("vision").layer(1)),
        "\"" + ERNIE + "gate.weight_1\" is missing, so layer 1 has no router");
    assertRefused(
        () ->
            open(
                config,
                ernie().remove(ERNIE + "experts.7.up_proj.weight"),
                model -> model.part("vision").layer(1)),
        "experts.7.up_proj");
    TensorSet more =
        ernie()
            .putAll(VISION.perExpert(ERNIE + "experts.", 7, "gate_proj", "up_proj", "down_proj"));
    assertRefused(
        () -> open(config, more, model -> model.layer(1)), "expert 12 is stored", "there are 12");
    assertRefused(
        () -> open(config, ernie().putAll(TEXT.router(ERNIE + "gate")), model -> model.layer(1)),
        "gate.weight\" is [6, 12], expected [12, 6]");
  }

  private static String omniConfig(String talker) {
    return String.format(
        Locale.ROOT,
        "{\"model_type\": \"qwen3_omni_moe\", \"thinker_config\": %s, \"talker_config\": %s}",
        FamilyConfig.of("qwen3_omni_moe_text").insideOf("qwen3_omni_moe_thinker"),
        talker);
  }

  private static FamilyConfig talkerConfig() {
    return FamilyConfig.of("qwen3_omni_moe_talker_text")
        .with("hidden_size", 9)
        .with("moe_intermediate_size", 4)
        .with("num_local_experts", 3)
        .with("num_hidden_layers", 3);
  }

  private static TensorSet omni() {
    String thinker = "thinker.model.layers.1.mlp.";
    String talker = "talker.model.layers.1.mlp.";
    return TEXT.perExpert(thinker)
        .putAll(TEXT.router(thinker + "gate"))
        .putAll(TALKER.perExpert(talker))
        .putAll(TALKER.router(talker + "gate"))
        .putAll(TALKER.shared(talker + "shared_expert", SHARED))
        .putAll(TALKER.sharedGate(talker + "shared_expert_gate"));
  }

  @Test
  void readsTheTalkerInsideOfQwen3Omni() {
    open(
        omniConfig(talkerConfig().insideOf("")),
        omni(),
        model -> {
          TEXT.assertLayer(model.layer(1), 0, false);
          assertThat(model.parts()).containsExactly("talker");
          MoeModel talker = model.part("talker");
          TALKER.assertLayer(talker.layer(1), SHARED, true);
          assertThat(talker.layers()).isEqualTo(3);
          assertThat(talker.hidden()).isEqualTo(9);
          assertThat(talker.parts()).isEmpty();
          assertThat(Objects.requireNonNull(talker.layer(1).router()).gating())
              .isEqualTo(TopKGating.softmax(2, false));
        });
  }

  /// As in the checkpoints that only think.
  @Test
  void aModelThatCannotSpeakHasNoTalker() {
    String config = omniConfig("{}");
    open(config, omni(), model -> assertThat(model.parts()).isEmpty());
    String silent =
        omniConfig(talkerConfig().insideOf(""))
            .replaceFirst("\\{", "{\"enable_audio_output\": false, ");
    open(silent, omni(), model -> assertThat(model.parts()).isEmpty());
  }

  @Test
  void aBrokenTalkerLeavesTheThinkerAsItIs() {
    open(
        omniConfig(talkerConfig().without("moe_intermediate_size").insideOf("")),
        omni(),
        model -> {
          TEXT.assertLayer(model.layer(1), 0, false);
          assertRefused(model::parts, directory.toString(), "no \"moe_intermediate_size\"");
        });
  }

  private static TensorSet deepseek(int layer) {
    String ffn = "layers." + layer + ".ffn.";
    String shared = ffn + "shared_experts.";
    return TEXT.perExpert(ffn + "experts.", "w1", "w3", "w2")
        .putAll(TEXT.router(ffn + "gate"))
        .put(BlockTensors.vector(ffn + "gate.bias", "correction", 0, EXPERTS))
        .put(BlockTensors.vector(ffn + "gate.bias_vl", "correction", 1, EXPERTS))
        .put(BlockTensors.matrix(shared + "w1.weight", "shared gate", 0, INTERMEDIATE, HIDDEN))
        .put(BlockTensors.matrix(shared + "w3.weight", "shared up", 0, INTERMEDIATE, HIDDEN))
        .put(BlockTensors.matrix(shared + "w2.weight", "shared down", 0, HIDDEN, INTERMEDIATE));
  }

  private static void assertDeepseek(MoeLayer layer, int correction) {
    TEXT.assertLayer(layer, INTERMEDIATE, false);
    Router router = Objects.requireNonNull(layer.router());
    BlockTensors.assertBias(router.correctionBias(), "correction", correction, EXPERTS);
    assertThat(router.gating())
        .isEqualTo(new TopKGating(2, TopKGating.Scoring.SQRT_SOFTPLUS, null, true, 1.5f));
    assertThat(layer.experts().activation()).isEqualTo(Activation.swigluClamped(0.5f));
  }

  @Test
  void readsDeepseek41ForTextAndForImages() {
    open(
        FamilyConfig.of("deepseek_v41_text").insideOf("deepseek_v41"),
        deepseek(0).putAll(deepseek(1)),
        model -> {
          assertThat(model.layerIndices()).containsExactly(0, 1);
          assertDeepseek(model.layer(0), 0);
          assertDeepseek(model.part("vision").layer(0), 1);
        });
  }

  /// V4's first layer looks experts up by token id, which tokens of images don't have.
  @Test
  void readsTheImagesOfDeepseek4InItsFirstLayersToo() {
    TensorView table =
        new TensorView(
            "layers.0.ffn.gate.tid2eid",
            DType.I64,
            Shape.of(7, 2),
            MemorySegment.ofArray(new long[] {0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0, 0, 2}));
    for (FamilyConfig config :
        List.of(
            FamilyConfig.of("deepseek_v4"),
            FamilyConfig.of("deepseek_v41_text").with("num_hash_layers", 1))) {
      open(
          config.withJson("vision_config", "{}").json(),
          deepseek(0).put(table).putAll(deepseek(1)),
          model -> {
            assertThat(Objects.requireNonNull(model.layer(0).router()).gating())
                .isInstanceOf(TableGating.class);
            assertDeepseek(model.layer(1), 0);
            assertDeepseek(model.part("vision").layer(0), 1);
            assertDeepseek(model.part("vision").layer(1), 1);
          });
    }
  }

  @Test
  void refusesATemperatureAndSaysWhatImagesLack() {
    open(
        FamilyConfig.of("deepseek_v4").json(),
        deepseek(1),
        model -> assertThat(model.parts()).isEmpty());
    assertRefused(
        () ->
            open(
                FamilyConfig.of("deepseek_v41_text").with("gate_temp", 2.0).json(),
                deepseek(1),
                model -> {}),
        "\"gate_temp\" is 2.0, expected 1");
    assertRefused(
        () ->
            open(
                FamilyConfig.of("deepseek_v41_text").insideOf("deepseek_v41"),
                deepseek(1).remove("layers.1.ffn.gate.bias_vl"),
                model -> model.part("vision").layer(1)),
        "\"layers.1.ffn.gate.bias_vl\" is missing");
  }

  @Test
  void refusesAPartThatThereIsNot() {
    open(
        omniConfig(talkerConfig().insideOf("")),
        omni(),
        model -> {
          assertRefused(
              () -> model.part("vision"),
              directory.toString(),
              "there is no part \"vision\" (parts: talker)");
          assertRefused(() -> model.part("talker").part("talker"), "(parts: none)");
        });
  }
}
