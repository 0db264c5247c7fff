package dev.tornadomoe.layer.gguf;

import static dev.tornadomoe.layer.gguf.GgufBlock.E;
import static dev.tornadomoe.layer.gguf.GgufBlock.H;
import static dev.tornadomoe.layer.gguf.GgufBlock.I;
import static dev.tornadomoe.layer.gguf.GgufBlock.SHARED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
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
    try (Checkpoint checkpoint = open(new GgufBlock("qwen3moe"))) {
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
  @ValueSource(strings = {"olmoe", "llama", "dbrx", "phimoe", "jamba"})
  void theSizeOfExpertsMayBeLeftToTheTensors(String architecture) {
    GgufBlock block =
        new GgufBlock(architecture)
            .withoutKey("expert_feed_forward_length")
            .key("feed_forward_length", 99);
    try (Checkpoint checkpoint = open(block)) {
      assertExperts(MoeModel.of(checkpoint).layer(0));
    }
  }

  /// Qwen3.5 and later: gates first.
  @Test
  void readsGatesAndUpsInOneTensor() {
    GgufBlock block =
        new GgufBlock("qwen3moe")
            .without("ffn_gate_exps.weight")
            .without("ffn_up_exps.weight")
            .put("ffn_gate_up_exps.weight", E, 2L * I, H)
            .put("ffn_gate_up_exps.bias", E, 2L * I)
            .put("ffn_down_exps.bias", E, H);
    try (Checkpoint checkpoint = open(block)) {
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

  /// Mixtral's files until 2024.
  @Test
  void readsExpertsOneByOne() {
    GgufBlock block =
        new GgufBlock("llama")
            .withoutKey("expert_feed_forward_length")
            .without("ffn_gate_exps.weight")
            .without("ffn_up_exps.weight")
            .without("ffn_down_exps.weight");
    for (int e = 0; e < E; e++) {
      block.put("ffn_gate." + e + ".weight", I, H);
      block.put("ffn_up." + e + ".weight", I, H);
      block.put("ffn_down." + e + ".weight", H, I);
    }
    try (Checkpoint checkpoint = open(block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        assertRows(Objects.requireNonNull(expert.gate()), "ffn_gate." + e + ".weight", 0, I, H);
        assertRows(expert.up(), "ffn_up." + e + ".weight", 0, I, H);
        assertRows(expert.down(), "ffn_down." + e + ".weight", 0, H, I);
      }
    }
  }

  @Test
  void readsTheBiasesOfGptOss() {
    GgufBlock block =
        new GgufBlock("gpt-oss")
            .put("ffn_gate_inp.bias", E)
            .put("ffn_gate_exps.bias", E, I)
            .put("ffn_up_exps.bias", E, I)
            .put("ffn_down_exps.bias", E, H);
    try (Checkpoint checkpoint = open(block)) {
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
  @CsvSource({"qwen2moe, true", "qwen35moe, false", "qwen3next, true"})
  void readsAGatedSharedExpert(String architecture, boolean oneDimension) {
    GgufBlock block = new GgufBlock(architecture).withShared();
    if (oneDimension) {
      block.put("ffn_gate_inp_shexp.weight", H);
    } else {
      block.put("ffn_gate_inp_shexp.weight", 1, H);
    }
    try (Checkpoint checkpoint = open(block)) {
      SharedExperts shared = shared(checkpoint);
      assertShared(shared);
      assertRows(Objects.requireNonNull(shared.gate()), "ffn_gate_inp_shexp.weight", 0, 1, H);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"deepseek2", "glm4moe", "llama4", "granitemoe", "hunyuan-moe"})
  void readsASharedExpertWithoutAGate(String architecture) {
    GgufBlock block = new GgufBlock(architecture).withShared();
    if (architecture.equals("llama4")) {
      block.key("expert_used_count", 1);
    }
    // The size is the tensors' where no key has it.
    block.withoutKey("expert_shared_feed_forward_length").key("expert_shared_count", 1);
    try (Checkpoint checkpoint = open(block)) {
      SharedExperts shared = shared(checkpoint);
      assertShared(shared);
      assertThat(shared.gate()).isNull();
    }
  }

  private static SharedExperts shared(Checkpoint checkpoint) {
    return Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).shared());
  }

  private static void assertShared(SharedExperts shared) {
    assertRows(Objects.requireNonNull(shared.mlp().gate()), "ffn_gate_shexp.weight", 0, SHARED, H);
    assertRows(shared.mlp().up(), "ffn_up_shexp.weight", 0, SHARED, H);
    assertRows(shared.mlp().down(), "ffn_down_shexp.weight", 0, H, SHARED);
  }

  @Test
  void sharedExpertsMayBeAbsent() {
    try (Checkpoint checkpoint = open(new GgufBlock("granitemoe"))) {
      assertThat(MoeModel.of(checkpoint).layer(0).shared()).isNull();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"exp_probs_b.bias", "exp_probs_b"})
  void readsTheSelectionBias(String name) {
    GgufBlock block = new GgufBlock("deepseek2").key("expert_gating_func", 2).put(name, E);
    try (Checkpoint checkpoint = open(block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertBias(Objects.requireNonNull(layer.router()).correctionBias(), name, 0, E);
    }
  }

  @Test
  void moeLayersAreThoseWithARouter() {
    GgufBlock block = new GgufBlock("glm4moe").key("block_count", 5).key("nextn_predict_layers", 1);
    for (int layer : new int[] {2, 4}) { // 4 predicts the token after the next
      block.putAs("blk." + layer + ".ffn_gate_inp.weight", "ffn_gate_inp.weight", E, H);
    }
    try (Checkpoint checkpoint = open(block)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(0, 2);
      assertThatThrownBy(() -> model.layer(1))
          .isInstanceOf(MoeException.class)
          .hasMessageContainingAll("layer 1 is dense", "0, 2");
      assertThatThrownBy(() -> model.layer(4)).hasMessageContaining("does not exist");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight"})
  void namesTheTensorThatIsMissing(String tensor) {
    for (String key : new String[] {"none", "expert_feed_forward_length"}) {
      assertRefused(
          new GgufBlock("olmoe").withoutKey(key).without(tensor),
          "\"blk.0." + tensor + "\" is missing");
    }
  }

  @Test
  void namesTheTensorThatDoesNotFit() {
    assertRefused(
        new GgufBlock("olmoe").put("ffn_up_exps.weight", E, I + 1L, H),
        "\"blk.0.ffn_up_exps.weight\" is [3, 5, 6], expected [3, 4, 6]");
    assertRefused(
        new GgufBlock("olmoe").put("ffn_down_exps.weight", E + 1L, H, I),
        "[4, 6, 4], expected [3, 6, 4]");
    assertRefused(
        new GgufBlock("olmoe").put("ffn_gate_inp.weight", E, H + 1L), "[3, 7], expected [3, 6]");
    assertRefused(
        new GgufBlock("gpt-oss").put("ffn_up_exps.bias", E, H), "[3, 6], expected [3, 4]");
    assertRefused(new GgufBlock("deepseek2").put("exp_probs_b.bias", E + 1L), "[4], expected [3]");
    assertRefused(
        new GgufBlock("deepseek2").withShared().without("ffn_down_shexp.weight"),
        "\"blk.0.ffn_down_shexp.weight\" is missing");
    assertRefused(
        new GgufBlock("qwen2moe").withShared(), "\"blk.0.ffn_gate_inp_shexp.weight\" is missing");
    assertRefused(new GgufBlock("qwen2moe"), "\"blk.0.ffn_up_shexp.weight\" is missing");
    assertRefused(
        new GgufBlock("deepseek2").key("expert_shared_count", 1),
        "\"blk.0.ffn_up_shexp.weight\" is missing");
  }

  /// What is stored and would be left out.
  @ParameterizedTest
  @CsvSource({
    "qwen3moe, ffn_up_shexp.weight",
    "qwen3moe, exp_probs_b.bias",
    "olmoe, ffn_up_exps.scale",
    "deepseek2, ffn_gate_inp_shexp.weight",
    "olmoe, ffn_up_chexps.weight"
  })
  void refusesPartsThatTheArchitectureHasNoUseFor(String architecture, String tensor) {
    assertRefused(
        new GgufBlock(architecture).put(tensor, E, H),
        "\"blk.0." + tensor + "\" is stored",
        architecture);
  }

  private void assertRefused(GgufBlock block, String... says) {
    try (Checkpoint checkpoint = open(block)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.resolve("model.gguf").toString())
          .hasMessageContainingAll(says);
    }
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

  private static void assertRows(Weight weight, String tensor, long first, int rows, int columns) {
    assertThat(weight.rows()).isEqualTo(rows);
    assertThat(weight.columns()).isEqualTo(columns);
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      float[] found = new float[columns];
      for (int row = 0; row < rows; row++) {
        matrix.decodeRow(row, found);
        for (int column = 0; column < columns; column++) {
          assertThat(found[column])
              .isEqualTo(GgufBlock.value(tensor, first + (long) row * columns + column));
        }
      }
    }
  }

  private static void assertBias(@Nullable Bias bias, String tensor, long first, int size) {
    float[] found = Objects.requireNonNull(bias).toFloats();
    assertThat(found).hasSize(size);
    for (int i = 0; i < size; i++) {
      assertThat(found[i]).isEqualTo(GgufBlock.value(tensor, first + i));
    }
  }

  private Checkpoint open(GgufBlock block) {
    return Checkpoint.open(block.write(directory));
  }
}
