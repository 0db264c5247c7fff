package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.layer.LayerException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Which layers of a model are MoE layers.
class MoeLayersTest {
  @TempDir Path directory;

  static Stream<Arguments> layers() {
    return Stream.of(
        layers("mixtral", 3, "", 0, 1, 2),
        layers("olmoe", 2, "", 0, 1),
        layers("phimoe", 2, "", 0, 1),
        layers("granitemoe", 2, "", 0, 1),
        layers("gpt_oss", 2, "", 0, 1),
        layers("qwen3_5_moe_text", 3, "decoder_sparse_step=2 mlp_only_layers=[0]", 0, 1, 2),
        layers("qwen2_moe", 3, "", 0, 1, 2),
        layers("qwen2_moe", 6, "decoder_sparse_step=2", 1, 3, 5),
        layers("qwen2_moe", 7, "decoder_sparse_step=3", 2, 5),
        layers("qwen2_moe", 2, "decoder_sparse_step=3"),
        layers("qwen3_moe", 4, "mlp_only_layers=[0,2]", 1, 3),
        layers("qwen3_moe", 4, "mlp_only_layers=[2,0,2]", 1, 3),
        layers("qwen3_moe", 6, "mlp_only_layers=[1,4] decoder_sparse_step=2", 3, 5),
        layers("qwen3_moe", 2, "mlp_only_layers=null decoder_sparse_step=null", 0, 1),
        layers("deepseek_v2", 4, "first_k_dense_replace=1", 1, 2, 3),
        layers("deepseek_v2", 3, "first_k_dense_replace=null", 0, 1, 2),
        layers("deepseek_v2", 5, "moe_layer_freq=2", 0, 2, 4), // counted from layer 0
        layers("deepseek_v2", 6, "first_k_dense_replace=1 moe_layer_freq=2", 2, 4),
        layers("deepseek_v2", 3, "first_k_dense_replace=3"),
        layers("deepseek_v3", 5, "first_k_dense_replace=null", 3, 4),
        layers("deepseek_v3", 5, "first_k_dense_replace=1 num_nextn_predict_layers=1", 1, 2, 3, 4),
        layers("glm4_moe", 3, "first_k_dense_replace=null", 1, 2),
        layers("qwen3_next", 4, "mlp_only_layers=[0]", 1, 2, 3),
        layers("qwen3_vl_moe_text", 4, "decoder_sparse_step=2", 1, 3),
        layers("ernie4_5_moe", 4, "moe_layer_start_index=null", 1, 2, 3),
        layers("ernie4_5_moe", 5, "moe_layer_start_index=1 moe_layer_end_index=3", 1, 2, 3),
        layers("ernie4_5_moe", 6, "moe_layer_interval=2", 1, 3, 5), // counted from 1
        layers("lfm2_moe", 4, "num_dense_layers=null", 2, 3),
        layers("jamba", 6, "expert_layer_period=null expert_layer_offset=null", 1, 3, 5),
        layers("jamba", 6, "expert_layer_period=3 expert_layer_offset=2", 2, 5),
        layers("jamba", 3, "num_experts=1 num_experts_per_tok=1"),
        layers("afmoe", 3, "num_dense_layers=null", 1, 2),
        layers("bailing_moe_v2", 3, "first_k_dense_replace=1", 1, 2),
        layers("exaone_moe", 3, "first_k_dense_replace=null", 1, 2),
        layers("exaone_moe", 3, "is_moe_layer=[false,true,false]", 1),
        layers(
            "exaone_moe", 2, "is_moe_layer=[true,true] mlp_layer_types=[\"dense\",\"sparse\"]", 1),
        layers("deepseek_v32", 4, "first_k_dense_replace=null", 3),
        layers("glm4_moe_lite", 3, "first_k_dense_replace=null", 1, 2),
        layers("glm4_moe_lite", 3, "mlp_layer_types=[\"sparse\",\"dense\",\"sparse\"]", 0, 2),
        layers("glm_moe_dsa", 4, "first_k_dense_replace=null", 3),
        layers("dots1", 2, "first_k_dense_replace=null", 0, 1),
        layers("mimo_v2_flash", 3, "first_k_dense_replace=null", 1, 2),
        layers("mimo_v2_flash", 3, "moe_layer_freq=[0,1,0]", 1),
        layers("mellum", 2, "mlp_layer_types=[\"dense\",\"sparse\"]", 1),
        layers("mellum", 2, "", 0, 1),
        layers("laguna", 3, "mlp_layer_types=null", 1, 2),
        layers("kimi_linear", 3, "first_k_dense_replace=null", 1, 2),
        layers("hy_v3", 3, "first_k_dense_replace=null", 1, 2),
        layers("solar_open", 2, "first_k_dense_replace=null", 0, 1),
        layers("llama4_text", 3, "", 0, 1, 2),
        layers("llama4_text", 6, "interleave_moe_layer_step=2", 1, 3, 5),
        layers("llama4_text", 6, "interleave_moe_layer_step=2 moe_layers=null", 1, 3, 5),
        layers("llama4_text", 6, "interleave_moe_layer_step=2 moe_layers=[0,5]", 0, 5),
        layers("llama4_text", 6, "moe_layers=[5,0,5]", 0, 5),
        layers("llama4_text", 3, "moe_layers=[]"),
        layers("qwen4_exp_text", 2, "", 0, 1),
        layers("minimax_m3_vl_text", 3, "mlp_layer_types=null", 0, 1, 2),
        layers("minimax_m3_vl_text", 3, "mlp_layer_types=null moe_layer_freq=[0,1,1]", 1, 2),
        layers("minimax_m3_vl_text", 2, "mlp_layer_types=[\"dense\",\"sparse\"]", 1),
        layers("glm5_next_text", 5, "mlp_layer_types=null", 3, 4),
        layers("hy_v4", 3, "mlp_layer_types=null", 1, 2),
        layers("hy_v4", 2, "mlp_layer_types=[\"sparse\",\"dense\"]", 0),
        layers("mistral4", 3, "first_k_dense_replace=2", 2),
        layers("mistral4", 2, "first_k_dense_replace=null", 0, 1),
        layers("axk2", 3, "mlp_layer_types=null", 1, 2),
        layers("axk2", 5, "mlp_layer_types=null first_k_dense_replace=2 moe_layer_freq=2", 2, 4),
        layers("deepseek_ocr2_text", 2, "mlp_layer_types=[\"dense\",\"sparse\"]", 1),
        layers("cohere2_moe", 2, "", 0, 1),
        layers("cohere2_moe", 3, "first_k_dense_replace=1", 1, 2),
        layers(
            "step3p5",
            6,
            "moe_layers_enum=null swiglu_limits=null swiglu_limits_shared=[]",
            3,
            4,
            5),
        layers(
            "step3p5", 4, "moe_layers_enum=[3,1] swiglu_limits=[] swiglu_limits_shared=[]", 1, 3),
        layers(
            "step3p5",
            2,
            "mlp_layer_types=[\"dense\",\"sparse\",\"dense\"] num_nextn_predict_layers=1",
            1),
        layers("aria_text", 2, "", 0, 1),
        layers("ernie4_5_vl_moe_text", 2, "mlp_layer_types=[\"dense\",\"sparse\"]", 1),
        layers("ernie4_5_vl_moe_text", 3, "mlp_layer_types=null", 1, 2),
        layers("ernie4_5_moe_vl", 4, "moe_layer_start_index=[1,2]", 1, 2, 3),
        layers("ernie4_5_moe_vl", 4, "moe_layer_end_index=[1,-1]", 0, 1),
        layers("ernie4_5_moe_vl", 6, "moe_layer_interval=2", 1, 3, 5),
        layers("jetmoe", 2, "", 0, 1),
        layers("inkling_text", 3, "mlp_layer_types=null dense_mlp_idx=2", 2),
        layers("inkling_text", 2, "mlp_layer_types=null", 0, 1));
  }

  @ParameterizedTest(name = "{0} with {1} layers, {2}: {3}")
  @MethodSource("layers")
  void areThoseThatTheConfigNames(String family, int count, String fields, List<Integer> expected) {
    try (Checkpoint checkpoint = open(family, count, fields)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).isEqualTo(expected);
      assertThat(model.layout().layers()).isEqualTo(count);
      assertThat(model.hidden()).isEqualTo(FamilyConfig.HIDDEN);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "qwen2_moe, decoder_sparse_step",
    "qwen3_moe, decoder_sparse_step",
    "deepseek_v2, moe_layer_freq",
    "llama4_text, interleave_moe_layer_step",
    "ernie4_5_moe, moe_layer_interval",
    "ernie4_5_moe_vl, moe_layer_interval",
    "jamba, expert_layer_period",
  })
  void aStepOfZeroIsRefused(String family, String field) {
    try (Checkpoint checkpoint = open(family, 2, field + "=0")) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"" + field + "\"", "a whole number from 1", "0");
    }
  }

  /// Their number of layers is not `num_hidden_layers`.
  @Test
  void aListOrAPatternMayCountTheLayers() {
    assertLayers(
        FamilyConfig.of("nemotron_h").with("hybrid_override_pattern", "MEM*E-E"), 7, 1, 4, 6);
    assertLayers(
        FamilyConfig.of("nemotron_h").with("hybrid_override_pattern", "M".repeat(99) + "E"),
        100,
        99);
    assertLayers(
        FamilyConfig.of("nemotron_h")
            .withJson("layers_block_type", "[\"moe\", \"mamba\", \"moe\", \"mlp\"]"),
        4,
        0,
        2);
    assertLayers(
        FamilyConfig.of("longcat_flash").with("num_layers", 3).with("num_hidden_layers", 6),
        3,
        0,
        1,
        2);
  }

  /// A list in a string, as in Step-3.5's released config.
  @Test
  void indicesMayStandInAString() {
    FamilyConfig step =
        FamilyConfig.of("step3p5")
            .with("num_hidden_layers", 5)
            .withJson("swiglu_limits", "null")
            .withJson("swiglu_limits_shared", "null");
    assertLayers(step.with("moe_layers_enum", "4, 1,"), 5, 1, 4);
    assertLayers(FamilyConfig.of("dbrx").with("n_layers", 3), 3, 0, 1, 2);
  }

  private void assertLayers(FamilyConfig config, int count, Integer... expected) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config.json(), List.of())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(expected);
      assertThat(model.layout().layers()).isEqualTo(count);
    }
  }

  /// As Llama Guard 4 has it, whose layers are all dense.
  @Test
  void aStepThatIsNotReadMayBeZero() {
    try (Checkpoint checkpoint =
        open("llama4_text", 2, "interleave_moe_layer_step=0 moe_layers=[]")) {
      assertThat(MoeModel.of(checkpoint).layerIndices()).isEmpty();
    }
  }

  @Test
  void aDenseLayerIsRefusedWithTheListOfOthers() {
    try (Checkpoint checkpoint = open("qwen3_moe", 8, "mlp_only_layers=[0,4,5,7]")) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(4))
          .isInstanceOf(LayerException.class)
          .hasMessageContainingAll(directory.toString(), "layer 4 is dense", "MoE layers: 1-3, 6");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 8, 61, Integer.MAX_VALUE})
  void aLayerThatDoesNotExistIsRefused(int index) {
    try (Checkpoint checkpoint = open("deepseek_v3", 8, "first_k_dense_replace=3")) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint).layer(index))
          .isInstanceOf(LayerException.class)
          .hasMessageContainingAll("layer " + index + " does not exist", "MoE layers: 3-7");
    }
  }

  @Test
  void aModelWithoutMoeLayersSaysSo() {
    try (Checkpoint checkpoint = open("llama4_text", 3, "moe_layers=[]")) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint).layer(0))
          .isInstanceOf(LayerException.class)
          .hasMessageContainingAll("layer 0 is dense", "MoE layers: none");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mlp_only_layers=[\"0\"]",
        "mlp_only_layers=0",
        "decoder_sparse_step=-1",
        "decoder_sparse_step=0",
        "decoder_sparse_step=1.5",
        "num_hidden_layers=0",
        "num_hidden_layers=null"
      })
  void refusesFieldsOfAnotherKind(String fields) {
    try (Checkpoint checkpoint = open("qwen3_moe", 8, fields)) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve("config.json").toString(),
              "\"" + fields.substring(0, fields.indexOf('=')) + "\"");
    }
  }

  @Test
  void anUnknownModelIsRefusedWithTheListOfKnownOnes() {
    String config = FamilyConfig.of("mixtral").with("model_type", "zamba").json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, List.of())) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(LayerException.class)
          .hasMessageContainingAll(
              directory.resolve("config.json").toString(),
              "\"zamba\"",
              "jamba",
              "mixtral",
              "qwen2_moe",
              "qwen3_moe",
              "qwen3_5_moe",
              "olmoe",
              "deepseek_v2",
              "deepseek_v3",
              "gpt_oss",
              "granitemoe",
              "phimoe",
              "llama4",
              "glm4_moe");
    }
    ModelDirectory.writeText(directory.resolve("config.json"), "{\"hidden_size\": 4}");
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("\"model_type\"");
    }
  }

  private static Arguments layers(String family, int count, String fields, Integer... expected) {
    return Arguments.of(family, count, fields, List.of(expected));
  }

  private Checkpoint open(String family, int count, String fields) {
    FamilyConfig config = FamilyConfig.of(family).with("num_hidden_layers", count);
    for (String field : fields.isEmpty() ? new String[0] : fields.split(" ")) {
      config.withJson(
          field.substring(0, field.indexOf('=')), field.substring(field.indexOf('=') + 1));
    }
    return ModelDirectory.open(directory, config.json(), List.of());
  }
}
