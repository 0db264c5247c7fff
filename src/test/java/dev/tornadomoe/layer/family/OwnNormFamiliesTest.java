package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.BlockLoops.add;
import static dev.tornadomoe.layer.family.BlockLoops.best;
import static dev.tornadomoe.layer.family.BlockLoops.clamp;
import static dev.tornadomoe.layer.family.BlockLoops.mlp;
import static dev.tornadomoe.layer.family.BlockLoops.normalised;
import static dev.tornadomoe.layer.family.BlockLoops.plus;
import static dev.tornadomoe.layer.family.BlockLoops.product;
import static dev.tornadomoe.layer.family.BlockLoops.sigmoid;
import static dev.tornadomoe.layer.family.BlockLoops.silu;
import static dev.tornadomoe.layer.family.BlockLoops.softmax;
import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Families whose layers have norms of their own, or ask for more of a token than its hidden
/// states, under the names of their releases: compared with loops written from the models'
/// definitions.
class OwnNormFamiliesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final double EPSILON = 0.25;

  @TempDir Path directory;

  /// `x / rms(x)` times what is stored under a name.
  private static double[] normed(String what, double scale, double[] x) {
    double mean = Arrays.stream(x).map(v -> v * v).sum() / x.length;
    double[] y = new double[x.length];
    Arrays.setAll(
        y, i -> x[i] / Math.sqrt(mean + EPSILON) * BlockTensors.value(what, 0, 0, i) * scale);
    return y;
  }

  private static double[] values(String what) {
    double[] values = new double[EXPERTS];
    Arrays.setAll(values, e -> BlockTensors.value(what, 0, 0, e));
    return values;
  }

  private static double[] experts(double[] weights, double[] x, DoubleBinaryOperator activation) {
    double[] sum = new double[HIDDEN];
    for (int e = 0; e < EXPERTS; e++) {
      add(sum, weights[e], mlp("", e, INTERMEDIATE, x, activation));
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({
    "gemma4_text, model.language_model.layers.1.",
    "gemma4_text, model.layers.1.",
    "diffusion_gemma_text, model.decoder.layers.1."
  })
  void gemmaNormsForRouterAndExperts(String modelType, String layer) {
    TensorSet tensors =
        BLOCK
            .fused(layer)
            .putAll(BLOCK.router(layer + "router.proj"))
            .put(BlockTensors.vector(layer + "router.scale", "scale", 0, HIDDEN))
            .put(BlockTensors.vector(layer + "router.per_expert_scale", "per expert", 0, EXPERTS))
            .put(
                BlockTensors.vector(
                    layer + "pre_feedforward_layernorm_2.weight", "norm", 0, HIDDEN))
            .put(BlockTensors.matrix(layer + "mlp.up_proj.weight", "dense", 0, 20, HIDDEN));
    UnaryOperator<double[]> expected =
        x -> {
          double[] routed = normed("scale", Math.pow(HIDDEN, -0.5), x);
          double[] scores = softmax(product("router", 0, EXPERTS, HIDDEN, routed));
          double[] weights = normalised(best(scores, scores), 1);
          double[] scales = values("per expert");
          Arrays.setAll(weights, e -> weights[e] * scales[e]);
          return experts(weights, normed("norm", 1, x), (gate, up) -> geluTanh(gate) * up);
        };
    DefinitionRun.assertComputes(directory, FamilyConfig.of(modelType).json(), tensors, expected);
  }

  private static double geluTanh(double x) {
    return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  @Test
  void axK1NormsTheSum() {
    String layer = "model.layers.1.";
    String mlp = layer + "mlp.";
    TensorSet tensors =
        BLOCK
            .perExpert(mlp)
            .putAll(BLOCK.router(mlp + "gate"))
            .putAll(BLOCK.shared(mlp + "shared_experts", INTERMEDIATE))
            .put(
                BlockTensors.vector(mlp + "gate.e_score_correction_bias", "correction", 0, EXPERTS))
            .put(BlockTensors.vector(layer + "post_mlp_layernorm.weight", "norm", 0, HIDDEN));
    UnaryOperator<double[]> expected =
        x -> {
          double[] scores = sigmoid(product("router", 0, EXPERTS, HIDDEN, x));
          double[] weights = normalised(best(plus(scores, values("correction")), scores), 2.5);
          double[] sum = experts(weights, x, (gate, up) -> silu(gate) * up);
          add(sum, 1, mlp("shared ", 0, INTERMEDIATE, x));
          return normed("norm", 1, sum);
        };
    DefinitionRun.assertComputes(directory, FamilyConfig.of("axk1").json(), tensors, expected);
  }

  private static TensorSet deepseekV4(String ffn) {
    TensorSet set =
        BLOCK
            .perExpert(ffn + "experts.", "w1", "w3", "w2")
            .putAll(BLOCK.router(ffn + "gate"))
            .put(
                BlockTensors.matrix(
                    ffn + "shared_experts.w1.weight", "shared gate", 0, INTERMEDIATE, HIDDEN))
            .put(
                BlockTensors.matrix(
                    ffn + "shared_experts.w3.weight", "shared up", 0, INTERMEDIATE, HIDDEN))
            .put(
                BlockTensors.matrix(
                    ffn + "shared_experts.w2.weight", "shared down", 0, HIDDEN, INTERMEDIATE));
    return set;
  }

  @ParameterizedTest
  @CsvSource({"layers.1.ffn.", "model.layers.1.ffn."})
  void deepseekV4ChoosesByRootsOfSoftplus(String ffn) {
    TensorSet tensors =
        deepseekV4(ffn).put(BlockTensors.vector(ffn + "gate.bias", "correction", 0, EXPERTS));
    UnaryOperator<double[]> expected =
        x -> {
          double[] scores =
              Arrays.stream(product("router", 0, EXPERTS, HIDDEN, x))
                  .map(logit -> Math.sqrt(Math.log1p(Math.exp(logit))))
                  .toArray();
          double[] weights = normalised(best(plus(scores, values("correction")), scores), 1.5);
          double[] sum = experts(weights, x, OwnNormFamiliesTest::clamped);
          add(sum, 1, mlp("shared ", 0, INTERMEDIATE, x, OwnNormFamiliesTest::clamped));
          return sum;
        };
    DefinitionRun.assertComputes(
        directory, FamilyConfig.of("deepseek_v4").json(), tensors, expected);
  }

  private static double clamped(double gate, double up) {
    return silu(Math.min(gate, 0.5)) * clamp(up, 0.5);
  }

  /// A release says how many layers there are, transformers 5 each layer's type.
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {"num_hash_layers; 2", "mlp_layer_types; [\"moe\", \"hash_moe\"]"})
  void deepseekV4HasATableInItsFirstLayers(String key, String value) {
    String ffn = "layers.1.ffn.";
    long[] experts = new long[7 * 2];
    Arrays.setAll(experts, i -> (i * 5L + i / 2) % EXPERTS);
    TensorSet tensors =
        deepseekV4(ffn)
            .put(
                new TensorView(
                    ffn + "gate.tid2eid",
                    DType.I64,
                    Shape.of(7, 2),
                    MemorySegment.ofArray(experts)));
    String config =
        FamilyConfig.of("deepseek_v4").without("num_hash_layers").withJson(key, value).json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(1);
      TableGating gating = (TableGating) layer.router().gating();
      assertThat(gating.key()).isEqualTo(new TokenKey(TokenKey.Kind.ID, 7));
      assertThat(gating.scores().scale()).isEqualTo(1.5f);
      assertThat(layer.router().correctionBias()).isNull();
      for (int i = 0; i < experts.length; i++) {
        assertThat(gating.expert(i / 2, i % 2)).isEqualTo(experts[i]);
      }
    }
  }
}
