package dev.tornadomoe.layer.gguf;

import static dev.tornadomoe.layer.gguf.GgufAssertions.assertBias;
import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRefused;
import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRows;
import static dev.tornadomoe.layer.gguf.GgufAssertions.open;
import static dev.tornadomoe.layer.gguf.GgufBlock.E;
import static dev.tornadomoe.layer.gguf.GgufBlock.H;
import static dev.tornadomoe.layer.gguf.GgufBlock.I;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Which tensors of a GGUF file become which parts of a layer.
class GgufLayerTest {
  @TempDir Path directory;

  @Test
  void readsExpertsInThreeTensors() {
    try (Checkpoint checkpoint = open(directory, new GgufBlock("qwen3moe"))) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.modelType()).isEqualTo("qwen3moe");
      assertThat(model.hidden()).isEqualTo(H);
      assertThat(model.layerIndices()).containsExactly(0);
      MoeLayer layer = model.layer(0);
      assertRows(Objects.requireNonNull(layer.router()).weight(), "ffn_gate_inp.weight", 0, E, H);
      assertExperts(layer);
      assertThat(layer.shared()).isNull();
      assertThat(layer.experts().local().getFirst().bytesToLoad()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"olmoe", "llama", "dbrx", "phimoe", "jamba", "minimax-01", "llada-moe"})
  void theSizeOfExpertsMayBeLeftToTheTensors(String architecture) {
    GgufBlock block =
        new GgufBlock(architecture)
            .withoutKey("expert_feed_forward_length")
            .key("feed_forward_length", 99);
    try (Checkpoint checkpoint = open(directory, block)) {
      assertExperts(MoeModel.of(checkpoint).layer(0));
    }
  }

  /// Qwen3.5 and later: gates first.
  @Test
  void readsGatesAndUpsInOneTensor() {
    GgufBlock block =
        GgufBlock.whole("gpt-oss")
            .without("ffn_gate_exps.weight")
            .without("ffn_up_exps.weight")
            .without("ffn_gate_exps.bias")
            .without("ffn_up_exps.bias")
            .put("ffn_gate_up_exps.weight", E, 2L * I, H)
            .put("ffn_gate_up_exps.bias", E, 2L * I)
            .put("ffn_down_exps.bias", E, H);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        String tensor = "ffn_gate_up_exps.weight";
        assertRows(Objects.requireNonNull(expert.gate()), tensor, (long) e * 2 * I * H, I, H);
        assertRows(expert.up(), tensor, ((long) e * 2 * I + I) * H, I, H);
        assertBias(expert.gateBias(), "ffn_gate_up_exps.bias", (long) e * 2 * I, I);
        assertBias(expert.upBias(), "ffn_gate_up_exps.bias", (long) e * 2 * I + I, I);
        assertBias(expert.downBias(), "ffn_down_exps.bias", (long) e * H, H);
      }
    }
  }

  @Test
  void readsTheBiasesOfGptOss() {
    GgufBlock block = GgufBlock.whole("gpt-oss");
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertExperts(layer);
      assertBias(Objects.requireNonNull(layer.router()).bias(), "ffn_gate_inp.bias", 0, E);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        assertBias(expert.gateBias(), "ffn_gate_exps.bias", (long) e * I, I);
        assertBias(expert.upBias(), "ffn_up_exps.bias", (long) e * I, I);
        assertBias(expert.downBias(), "ffn_down_exps.bias", (long) e * H, H);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"exp_probs_b.bias", "exp_probs_b"})
  void readsTheSelectionBias(String name) {
    GgufBlock block = new GgufBlock("deepseek2").key("expert_gating_func", 2).put(name, E);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertBias(Objects.requireNonNull(layer.router()).correctionBias(), name, 0, E);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "glm4moe",
        "minimax-m2",
        "lfm2moe",
        "afmoe",
        "nemotron_h_moe",
        "kimi-linear",
        "laguna",
        "minimax-m3",
        "glm5next",
        "glm5-next",
        "bailingmoe3",
        "dots3note",
        "deepseek4"
      })
  void theSelectionBiasMustBeThere(String architecture) {
    assertRefused(
        directory,
        GgufBlock.whole(architecture).without("exp_probs_b.bias"),
        "\"blk.0.exp_probs_b.bias\" is missing");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "deepseek2",
        "dots1",
        "bailingmoe2",
        "exaone-moe",
        "ernie4_5-moe",
        "glm-dsa",
        "deepseek32",
        "mimo2",
        "step35",
        "mistral4",
        "hy_v3",
        "hy_v4",
        "axk2",
        "deepseek2-ocr"
      })
  void theSelectionBiasMayBeThere(String architecture) {
    try (Checkpoint checkpoint = open(directory, GgufBlock.whole(architecture))) {
      Router router = Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).router());
      assertThat(router.correctionBias()).isNull();
    }
    GgufBlock block = GgufBlock.whole(architecture).put("exp_probs_b.bias", E);
    try (Checkpoint checkpoint = open(directory, block)) {
      Router router = Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).router());
      assertBias(router.correctionBias(), "exp_probs_b.bias", 0, E);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ffn_gate_inp.bias",
        "ffn_gate_exps.bias",
        "ffn_up_exps.bias",
        "ffn_down_exps.bias"
      })
  void theBiasesOfGptOssMustBeThere(String tensor) {
    assertRefused(
        directory,
        GgufBlock.whole("gpt-oss").without(tensor),
        "\"blk.0." + tensor + "\" is missing");
  }

  /// Whatever `leading_dense_block_count` and `interleave_moe_layer_step` say: llama.cpp would
  /// refuse a file in which they and the tensors differ.
  @Test
  void moeLayersAreThoseWithARouter() {
    GgufBlock block =
        GgufBlock.whole("glm4moe").key("block_count", 5).key("nextn_predict_layers", 1);
    for (int layer : new int[] {2, 4}) { // 4 predicts the token after the next
      block.putAs("blk." + layer + ".ffn_gate_inp.weight", "ffn_gate_inp.weight", E, H);
    }
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(0, 2);
      assertThatThrownBy(() -> model.layer(1))
          .isInstanceOf(MoeException.class)
          .hasMessageContainingAll("layer 1 is dense", "0, 2");
      assertThatThrownBy(() -> model.layer(4)).hasMessageContaining("does not exist");
    }
  }

  /// Its files count a block that predicts further tokens even where they don't have it.
  @Test
  void theLastBlockOfDeepseek4IsInTheStackUnlessItPredicts() {
    GgufBlock block = GgufBlock.whole("deepseek4");
    block.key("block_count", 2).key("nextn_predict_layers", 1);
    block.putAs("blk.1.ffn_gate_inp.weight", "ffn_gate_inp.weight", E, H);
    try (Checkpoint checkpoint = open(directory, block)) {
      assertThat(MoeModel.of(checkpoint).layerIndices()).containsExactly(0, 1);
    }
    block.putAs("blk.1.nextn.eh_proj.weight", "nextn", H, 2L * H);
    try (Checkpoint checkpoint = open(directory, block)) {
      assertThat(MoeModel.of(checkpoint).layerIndices()).containsExactly(0);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight"})
  void namesTheTensorThatIsMissing(String tensor) {
    for (String key : new String[] {"none", "expert_feed_forward_length"}) {
      assertRefused(
          directory,
          new GgufBlock("olmoe").withoutKey(key).without(tensor),
          "\"blk.0." + tensor + "\" is missing");
    }
  }

  @Test
  void namesTheTensorThatDoesNotFit() {
    assertRefused(
        directory,
        new GgufBlock("olmoe").put("ffn_up_exps.weight", E, I + 1L, H),
        "\"blk.0.ffn_up_exps.weight\" is [3, 5, 6], expected [3, 4, 6]");
    assertRefused(
        directory,
        new GgufBlock("olmoe").put("ffn_down_exps.weight", E + 1L, H, I),
        "[4, 6, 4], expected [3, 6, 4]");
    assertRefused(
        directory,
        new GgufBlock("olmoe").put("ffn_gate_inp.weight", E, H + 1L),
        "[3, 7], expected [3, 6]");
    assertRefused(
        directory,
        GgufBlock.whole("gpt-oss").put("ffn_up_exps.bias", E, H),
        "[3, 6], expected [3, 4]");
    assertRefused(
        directory, new GgufBlock("deepseek2").put("exp_probs_b.bias", E + 1L), "[4], expected [3]");
    assertRefused(
        directory,
        new GgufBlock("deepseek2")
            .key("expert_shared_count", 2)
            .withShared()
            .without("ffn_down_shexp.weight"),
        "\"blk.0.ffn_down_shexp.weight\" is missing");
    assertRefused(
        directory,
        new GgufBlock("qwen2moe").withShared(),
        "\"blk.0.ffn_gate_inp_shexp.weight\" is missing");
    assertRefused(directory, new GgufBlock("qwen2moe"), "\"blk.0.ffn_up_shexp.weight\" is missing");
    assertRefused(
        directory,
        new GgufBlock("deepseek2").key("expert_shared_count", 1),
        "\"blk.0.ffn_gate_shexp.weight\" is missing");
  }

  /// What is stored and would be left out.
  @ParameterizedTest
  @CsvSource({
    "qwen3moe, ffn_up_shexp.weight",
    "qwen3moe, exp_probs_b.bias",
    "llama, ffn_norm_exps.weight",
    "olmoe, ffn_up_exps.scale",
    "deepseek2, ffn_gate_inp_shexp.weight",
    "granitemoe, ffn_up_shexp.weight",
    "granite_swa, ffn_up_shexp.weight",
    "qwen3moe, ffn_gate_inp.bias",
    "qwen3moe, ffn_down_exps.bias",
    "olmoe, ffn_up_chexps.weight",
    "cohere2moe, ffn_up_shexp.weight",
    "cohere2moe, exp_probs_b.bias",
    "minimax-01, exp_probs_b.bias",
    "mellum, ffn_gate_inp.scale",
    "mellum, ffn_down_exps.scale",
    "mellum, ffn_gate_tid2eid.weight",
    "deepseek4, ffn_gate_tid2eid.weight"
  })
  void refusesPartsThatTheArchitectureHasNoUseFor(String architecture, String tensor) {
    assertRefused(
        directory,
        GgufBlock.whole(architecture).put(tensor, E, H),
        "\"blk.0." + tensor + "\" is stored",
        architecture);
  }

  private static void assertExperts(MoeLayer layer) {
    assertThat(layer.experts().local()).hasSize(E);
    for (int e = 0; e < E; e++) {
      Mlp expert = layer.experts().local().get(e);
      long first = (long) e * I * H;
      assertRows(Objects.requireNonNull(expert.gate()), "ffn_gate_exps.weight", first, I, H);
      assertRows(expert.up(), "ffn_up_exps.weight", first, I, H);
      assertRows(expert.down(), "ffn_down_exps.weight", first, H, I);
    }
  }
}
