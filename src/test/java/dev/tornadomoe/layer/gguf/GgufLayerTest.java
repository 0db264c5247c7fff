package dev.tornadomoe.layer.gguf;

import static dev.tornadomoe.layer.gguf.GgufBlock.E;
import static dev.tornadomoe.layer.gguf.GgufBlock.H;
import static dev.tornadomoe.layer.gguf.GgufBlock.I;
import static dev.tornadomoe.layer.gguf.GgufBlock.SHARED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Locale;
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
        GgufBlock.whole("gpt-oss")
            .without("ffn_gate_exps.weight")
            .without("ffn_up_exps.weight")
            .without("ffn_gate_exps.bias")
            .without("ffn_up_exps.bias")
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
    GgufBlock block = GgufBlock.whole("gpt-oss");
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
    GgufBlock block = GgufBlock.whole(architecture);
    if (!oneDimension) {
      block.put("ffn_gate_inp_shexp.weight", 1, H);
    }
    try (Checkpoint checkpoint = open(block)) {
      SharedExperts shared = shared(checkpoint);
      assertShared(shared);
      assertRows(Objects.requireNonNull(shared.gate()), "ffn_gate_inp_shexp.weight", 0, 1, H);
    }
  }

  /// I of the shared expert, from the keys that llama.cpp takes for it.
  @ParameterizedTest
  @CsvSource({
    "deepseek, expert_shared_count, 2, 8",
    "deepseek2, expert_shared_count, 1, 4",
    "glm4moe, expert_shared_count, 2, 8",
    "dots1, expert_shared_count, 2, 8",
    "bailingmoe, expert_shared_count, 2, 8",
    "bailingmoe2, expert_shared_count, 2, 8",
    "afmoe, expert_shared_count, 2, 8",
    "qwen2moe, expert_shared_feed_forward_length, 7, 7",
    "qwen3next, expert_shared_feed_forward_length, 7, 7",
    "qwen35moe, expert_shared_feed_forward_length, 7, 7",
    "hunyuan-moe, expert_shared_feed_forward_length, 7, 7",
    "qwen2moe, feed_forward_length, 7, 7",
    "qwen3next, feed_forward_length, 7, 7",
    "qwen35moe, feed_forward_length, 7, 7",
    "hunyuan-moe, feed_forward_length, 7, 7",
    "ernie4_5-moe, expert_shared_feed_forward_length, 7, 7",
    "granitemoe, expert_shared_feed_forward_length, 7, 7",
    "granitehybrid, expert_shared_feed_forward_length, 7, 7",
    "exaone-moe, expert_shared_feed_forward_length, 7, 7",
    "exaone-moe, expert_shared_count, 1, 4",
    "llama4, expert_shared_count, 1, 4"
  })
  void theSizeOfTheSharedExpertIsWhatTheKeysSay(
      String architecture, String key, int value, int size) {
    GgufBlock block = GgufBlock.whole(architecture);
    block.withoutKey("expert_shared_feed_forward_length").key(key, value);
    try (Checkpoint checkpoint = open(block.withShared(size))) {
      SharedExperts shared = shared(checkpoint);
      assertShared(shared, size);
      assertThat(shared.gate() != null).isEqualTo(architecture.startsWith("qwen"));
    }
    assertRefused(
        block.withShared(size + 1),
        String.format(Locale.ROOT, "[%d, 6], expected [%d, 6]", size + 1, size));
  }

  @Test
  void theSharedExpertsOfBailing2AreCounted() {
    GgufBlock block =
        GgufBlock.whole("bailingmoe2")
            .key("expert_shared_count", 2)
            .key("expert_shared_feed_forward_length", 3);
    try (Checkpoint checkpoint = open(block.withShared(6))) {
      assertShared(shared(checkpoint), 6);
    }
  }

  /// Keys of other architectures.
  @ParameterizedTest
  @ValueSource(strings = {"deepseek2", "glm4moe", "dots1", "afmoe"})
  void theSizeOfACountedSharedExpertIsNotSaid(String architecture) {
    GgufBlock block =
        GgufBlock.whole(architecture)
            .key("expert_shared_count", 2)
            .key("expert_shared_feed_forward_length", 99);
    try (Checkpoint checkpoint = open(block.withShared(8))) {
      assertShared(shared(checkpoint), 8);
    }
  }

  private static SharedExperts shared(Checkpoint checkpoint) {
    return Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).shared());
  }

  private static void assertShared(SharedExperts shared) {
    assertShared(shared, SHARED);
  }

  private static void assertShared(SharedExperts shared, int size) {
    assertRows(Objects.requireNonNull(shared.mlp().gate()), "ffn_gate_shexp.weight", 0, size, H);
    assertRows(shared.mlp().up(), "ffn_up_shexp.weight", 0, size, H);
    assertRows(shared.mlp().down(), "ffn_down_shexp.weight", 0, H, size);
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

  @ParameterizedTest
  @ValueSource(strings = {"glm4moe", "minimax-m2", "lfm2moe", "afmoe"})
  void theSelectionBiasMustBeThere(String architecture) {
    assertRefused(
        GgufBlock.whole(architecture).without("exp_probs_b.bias"),
        "\"blk.0.exp_probs_b.bias\" is missing");
  }

  @ParameterizedTest
  @ValueSource(strings = {"deepseek2", "dots1", "bailingmoe2", "exaone-moe", "ernie4_5-moe"})
  void theSelectionBiasMayBeThere(String architecture) {
    try (Checkpoint checkpoint = open(GgufBlock.whole(architecture))) {
      Router router = Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).router());
      assertThat(router.correctionBias()).isNull();
    }
    GgufBlock block = GgufBlock.whole(architecture).put("exp_probs_b.bias", E);
    try (Checkpoint checkpoint = open(block)) {
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
        GgufBlock.whole("gpt-oss").without(tensor), "\"blk.0." + tensor + "\" is missing");
  }

  /// llama.cpp has these limits in architectures that are not here; 0 means none.
  @ParameterizedTest
  @ValueSource(strings = {"swiglu_clamp_exp", "swiglu_clamp_shexp"})
  void refusesLimitsOfSwiGlu(String key) {
    String sentence =
        String.format(
            Locale.ROOT, "\"exaone-moe.%s\" is 7.0 for block 0, but there is no use", key);
    assertRefused(GgufBlock.whole("exaone-moe").key(key, 7f), sentence);
    assertRefused(GgufBlock.whole("exaone-moe").key(key, new float[] {7, 0}), sentence);
    assertRefused(GgufBlock.whole("exaone-moe").key(key, Float.NaN), "a finite number");
    assertRefused(GgufBlock.whole("exaone-moe").key(key, new float[0]), "for each block");
    for (Object none : new Object[] {0f, new float[] {0, 7}}) {
      try (Checkpoint checkpoint = open(GgufBlock.whole("exaone-moe").key(key, none))) {
        assertThat(MoeModel.of(checkpoint).layer(0).experts().activation())
            .isEqualTo(Activation.SILU);
      }
    }
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
        GgufBlock.whole("gpt-oss").put("ffn_up_exps.bias", E, H), "[3, 6], expected [3, 4]");
    assertRefused(new GgufBlock("deepseek2").put("exp_probs_b.bias", E + 1L), "[4], expected [3]");
    assertRefused(
        new GgufBlock("deepseek2")
            .key("expert_shared_count", 2)
            .withShared()
            .without("ffn_down_shexp.weight"),
        "\"blk.0.ffn_down_shexp.weight\" is missing");
    assertRefused(
        new GgufBlock("qwen2moe").withShared(), "\"blk.0.ffn_gate_inp_shexp.weight\" is missing");
    assertRefused(new GgufBlock("qwen2moe"), "\"blk.0.ffn_up_shexp.weight\" is missing");
    assertRefused(
        new GgufBlock("deepseek2").key("expert_shared_count", 1),
        "\"blk.0.ffn_gate_shexp.weight\" is missing");
  }

  /// What is stored and would be left out.
  @ParameterizedTest
  @CsvSource({
    "qwen3moe, ffn_up_shexp.weight",
    "qwen3moe, exp_probs_b.bias",
    "olmoe, ffn_up_exps.scale",
    "deepseek2, ffn_gate_inp_shexp.weight",
    "granitemoe, ffn_up_shexp.weight",
    "qwen3moe, ffn_gate_inp.bias",
    "qwen3moe, ffn_down_exps.bias",
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
