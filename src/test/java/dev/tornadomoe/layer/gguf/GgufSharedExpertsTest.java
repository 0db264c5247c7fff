package dev.tornadomoe.layer.gguf;

import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRefused;
import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRows;
import static dev.tornadomoe.layer.gguf.GgufAssertions.open;
import static dev.tornadomoe.layer.gguf.GgufBlock.H;
import static dev.tornadomoe.layer.gguf.GgufBlock.I;
import static dev.tornadomoe.layer.gguf.GgufBlock.SHARED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Where a GGUF file has shared experts, and of which size they are.
class GgufSharedExpertsTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"qwen2moe, true", "qwen35moe, false", "qwen3next, true"})
  void readsAGatedSharedExpert(String architecture, boolean oneDimension) {
    GgufBlock block = GgufBlock.whole(architecture);
    if (!oneDimension) {
      block.put("ffn_gate_inp_shexp.weight", 1, H);
    }
    try (Checkpoint checkpoint = open(directory, block)) {
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
    "axk2, expert_shared_count, 2, 8",
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
    "llama4, expert_shared_count, 1, 4",
    "glm-dsa, expert_shared_count, 2, 8",
    "deepseek32, expert_shared_count, 2, 8",
    "mistral4, expert_shared_count, 2, 8",
    "minimax-m3, expert_shared_count, 2, 8",
    "kimi-linear, expert_shared_count, 2, 8",
    "kimi-linear, expert_shared_count, 0, 4",
    "step35, expert_shared_feed_forward_length, 7, 7",
    "laguna, expert_shared_feed_forward_length, 7, 7",
    "laguna, expert_shared_count, 1, 4",
    "laguna, expert_shared_count, 2, 8",
    "hy_v3, expert_shared_feed_forward_length, 7, 7",
    "hy_v3, expert_shared_count, 2, 4",
    "qwen4exp, expert_shared_feed_forward_length, 7, 7",
    "qwen4exp, feed_forward_length, 7, 7",
    "glm5next, expert_shared_feed_forward_length, 7, 7",
    "glm5next, expert_shared_count, 2, 8",
    "glm5-next, expert_shared_count, 2, 8",
    "glm5-next, expert_shared_feed_forward_length, 7, 7",
    "hy_v4, expert_shared_count, 2, 8",
    "dots3note, expert_shared_count, 2, 8",
    "deepseek4, expert_shared_count, 2, 8",
    "deepseek2-ocr, expert_shared_count, 2, 8",
    "bailingmoe3, expert_shared_feed_forward_length, 7, 7",
    "bailingmoe3, expert_shared_count, 0, 4"
  })
  void theSizeOfTheSharedExpertIsWhatTheKeysSay(
      String architecture, String key, int value, int size) {
    GgufBlock block = GgufBlock.whole(architecture);
    block.withoutKey("expert_shared_feed_forward_length").key(key, value);
    try (Checkpoint checkpoint = open(directory, block.withShared(size))) {
      SharedExperts shared = shared(checkpoint);
      assertShared(shared, size);
      assertThat(shared.gate() != null).isEqualTo(architecture.startsWith("qwen"));
    }
    assertRefused(
        directory,
        block.withShared(size + 1),
        String.format(Locale.ROOT, "[%d, 6], expected [%d, 6]", size + 1, size));
  }

  /// The square of a ReLU stands between two projections.
  @Test
  void theExpertsOfNemotronHaveNoGates() {
    GgufBlock block =
        GgufBlock.whole("nemotron_h_moe")
            .key("expert_shared_feed_forward_length", 7)
            .put("ffn_up_shexp.weight", 7, H)
            .put("ffn_down_shexp.weight", H, 7);
    try (Checkpoint checkpoint = open(directory, block)) {
      SharedExperts shared = shared(checkpoint);
      assertThat(shared.mlp().gate()).isNull();
      assertRows(shared.mlp().up(), "ffn_up_shexp.weight", 0, 7, H);
      assertRows(shared.mlp().down(), "ffn_down_shexp.weight", 0, H, 7);
      var expert = MoeModel.of(checkpoint).layer(0).experts().local().get(1);
      assertThat(expert.gate()).isNull();
      assertRows(expert.up(), "ffn_up_exps.weight", (long) I * H, I, H);
      assertRows(expert.down(), "ffn_down_exps.weight", (long) I * H, H, I);
    }
    assertRefused(
        directory,
        block.put("ffn_gate_exps.weight", GgufBlock.E, I, H),
        "\"blk.0.ffn_gate_exps.weight\" is stored, but there is no use for it");
  }

  /// Gates and ups are one tensor, the gates first.
  @Test
  void theSharedExpertOfGraniteWithASlidingWindowHasItsGatesAmongItsUps() {
    GgufBlock block =
        GgufBlock.whole("granite_swa")
            .key("expert_shared_feed_forward_length", 5)
            .put("ffn_up_shexp.weight", 10, H)
            .put("ffn_down_shexp.weight", H, 5);
    try (Checkpoint checkpoint = open(directory, block)) {
      var mlp = shared(checkpoint).mlp();
      assertRows(Objects.requireNonNull(mlp.gate()), "ffn_up_shexp.weight", 0, 5, H);
      assertRows(mlp.up(), "ffn_up_shexp.weight", 5L * H, 5, H);
      assertRows(mlp.down(), "ffn_down_shexp.weight", 0, H, 5);
    }
    assertRefused(
        directory,
        block.put("ffn_up_shexp.weight", 5, H),
        "\"blk.0.ffn_up_shexp.weight\" is [5, 6], expected [1, 10, 6]");
  }

  @Test
  void theSharedExpertsOfBailing2AreCounted() {
    GgufBlock block =
        GgufBlock.whole("bailingmoe2")
            .key("expert_shared_count", 2)
            .key("expert_shared_feed_forward_length", 3);
    try (Checkpoint checkpoint = open(directory, block.withShared(6))) {
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
    try (Checkpoint checkpoint = open(directory, block.withShared(8))) {
      assertShared(shared(checkpoint), 8);
    }
  }

  /// The count says whether there is one, and the length how large it is.
  @ParameterizedTest
  @CsvSource({"1, 0, 4", "2, 0, 8", "1, 7, 7", "2, 7, 7"})
  void theSharedExpertOfCohereIsAveragedWithTheOthers(int count, int length, int size) {
    GgufBlock block =
        new GgufBlock("cohere2moe")
            .key("expert_weights_scale", 3f)
            .key("expert_shared_count", count)
            .key("expert_shared_feed_forward_length", length)
            .withShared(size);
    try (Checkpoint checkpoint = open(directory, block)) {
      SharedExperts shared = shared(checkpoint);
      assertShared(shared, size);
      assertThat(shared.isHalf()).isTrue();
      assertThat(scale(checkpoint)).isEqualTo(1.5f);
    }
    assertRefused(
        directory,
        block.key("expert_shared_count", 0),
        "_shexp.weight\" is stored, but there is no use for it in cohere2moe");
  }

  @Test
  void cohereWithoutASharedExpertAveragesNothing() {
    GgufBlock block = new GgufBlock("cohere2moe").key("expert_shared_feed_forward_length", 7);
    try (Checkpoint checkpoint = open(directory, block)) {
      assertThat(MoeModel.of(checkpoint).layer(0).shared()).isNull();
      assertThat(scale(checkpoint)).isEqualTo(1);
    }
  }

  private static float scale(Checkpoint checkpoint) {
    Router router = Objects.requireNonNull(MoeModel.of(checkpoint).layer(0).router());
    return ((TopKGating) router.gating()).scale();
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
    try (Checkpoint checkpoint = open(directory, new GgufBlock("granitemoe"))) {
      assertThat(MoeModel.of(checkpoint).layer(0).shared()).isNull();
    }
  }
}
