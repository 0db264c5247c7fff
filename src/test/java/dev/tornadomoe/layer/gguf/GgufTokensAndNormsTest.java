package dev.tornadomoe.layer.gguf;

import static dev.tornadomoe.layer.gguf.GgufAssertions.assertBias;
import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRefused;
import static dev.tornadomoe.layer.gguf.GgufAssertions.open;
import static dev.tornadomoe.layer.gguf.GgufBlock.E;
import static dev.tornadomoe.layer.gguf.GgufBlock.H;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Blocks that choose experts by token id, and blocks with norms inside.
class GgufTokensAndNormsTest {
  @TempDir Path directory;

  @Test
  void theFirstBlocksOfDeepseek4HaveATable() {
    GgufBlock block = table().putTable(2, 0, 1, 2, 0, 1, 2, 2, 1);
    try (Checkpoint checkpoint = open(directory, block)) {
      Router router = Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).router());
      TableGating gating = (TableGating) router.gating();
      assertThat(gating.vocabulary()).isEqualTo(4);
      assertThat(gating.expert(1, 0)).isEqualTo(2);
      assertThat(gating.expert(3, 1)).isEqualTo(1);
      assertThat(gating.scores().scoring()).isEqualTo(TopKGating.Scoring.SQRT_SOFTPLUS);
      assertThat(gating.scores().scale()).isEqualTo(1.5f);
      assertThat(router.correctionBias()).isNull();
    }
    assertRefused(
        directory,
        block.put("exp_probs_b.bias", E),
        "\"blk.0.exp_probs_b.bias\" is stored, but there is no use for it in deepseek4");
  }

  @Test
  void aTableMustBeThereAndFit() {
    assertRefused(directory, table(), "\"blk.0.ffn_gate_tid2eid.weight\" is missing");
    assertRefused(directory, table().putTable(3, 0, 1, 2), "[1, 3], expected [1, 2]");
    assertRefused(
        directory, table().put("ffn_gate_tid2eid.weight", 4, 2), "ffn_gate_tid2eid", "F32");
  }

  private static GgufBlock table() {
    return GgufBlock.whole("deepseek4")
        .without("exp_probs_b.bias")
        .key("hash_layer_count", 1)
        .key("expert_weights_scale", 1.5f);
  }

  /// DeepSeek-V4 with eyes: tokens of images are corrected otherwise, and never looked up.
  @ParameterizedTest
  @ValueSource(strings = {"deepseek4", "deepseek41"})
  void tokensOfImagesHaveACorrectionOfTheirOwn(String architecture) {
    GgufBlock block = GgufBlock.whole(architecture).put("exp_probs_b_vl.bias", E);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.parts()).containsExactly("vision");
      Router text = Objects.requireNonNull(model.layer(0).router());
      assertBias(text.correctionBias(), "exp_probs_b.bias", 0, E);
      MoeModel images = model.part("vision");
      assertThat(images.parts()).isEmpty();
      assertThat(images.layerIndices()).containsExactly(0);
      Router router = Objects.requireNonNull(images.layer(0).router());
      assertBias(router.correctionBias(), "exp_probs_b_vl.bias", 0, E);
      assertThat(router.gating()).isEqualTo(text.gating());
    }
  }

  @Test
  void tokensOfImagesAreNotLookedUp() {
    GgufBlock block = table().putTable(2, 0, 1, 2, 0, 1, 2, 2, 1).put("exp_probs_b_vl.bias", E);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeModel model = MoeModel.of(checkpoint);
      Router text = Objects.requireNonNull(model.layer(0).router());
      assertThat(text.gating()).isInstanceOf(TableGating.class);
      Router images = Objects.requireNonNull(model.part("vision").layer(0).router());
      assertThat(images.gating()).isInstanceOf(TopKGating.class);
      assertBias(images.correctionBias(), "exp_probs_b_vl.bias", 0, E);
    }
  }

  @Test
  void aCorrectionForImagesIsRefusedWhereItHasNoUse() {
    try (Checkpoint checkpoint = open(directory, GgufBlock.whole("deepseek4"))) {
      assertThat(MoeModel.of(checkpoint).parts()).isEmpty();
    }
    assertRefused(
        directory,
        GgufBlock.whole("deepseek32").put("exp_probs_b_vl.bias", E),
        "\"blk.0.exp_probs_b_vl.bias\" is stored, but there is no use for it");
  }

  @Test
  void theRouterAndTheExpertsOfGemma4HaveNorms() {
    GgufBlock block = GgufBlock.whole("gemma4").put("ffn_down_exps.scale", E);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      OwnNorms norms = layer.norms();
      assertNorm(norms.router(), "ffn_gate_inp.scale", 1 / Math.sqrt(H));
      assertNorm(norms.experts(), "pre_ffw_norm_2.weight", 1);
      assertThat(norms.output()).isNull();
      Router router = Objects.requireNonNull(layer.router());
      assertBias(router.expertScale(), "ffn_down_exps.scale", 0, E);
    }
  }

  @Test
  void expertsWithoutScalesCountAsTheyAre() {
    try (Checkpoint checkpoint = open(directory, GgufBlock.whole("gemma4"))) {
      Router router = Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).router());
      assertThat(router.expertScale()).isNull();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ffn_gate_inp.scale", "pre_ffw_norm_2.weight"})
  void theNormsOfGemma4MustBeThere(String tensor) {
    assertRefused(
        directory,
        GgufBlock.whole("gemma4").without(tensor),
        "\"blk.0." + tensor + "\" is missing");
    assertRefused(directory, GgufBlock.whole("gemma4").put(tensor, H + 1L), "[7], expected [6]");
  }

  @Test
  void theEpsilonOfNormsMustBeThere() {
    String key = "attention.layer_norm_rms_epsilon";
    assertRefused(
        directory, GgufBlock.whole("gemma4").withoutKey(key), "no \"gemma4." + key + "\"");
  }

  private static void assertNorm(WeightedNorm norm, String tensor, double scale) {
    assertThat(norm.norm().epsilon()).isEqualTo(1e-6f);
    float[] factors = norm.factors();
    assertThat(factors).hasSize(H);
    for (int i = 0; i < H; i++) {
      assertThat((double) factors[i]).isCloseTo(GgufBlock.value(tensor, i) * scale, within(1e-6));
    }
  }
}
