package dev.tornadomoe.layer.gguf;

import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRefused;
import static dev.tornadomoe.layer.gguf.GgufAssertions.open;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Limits of SwiGLU among a GGUF file's keys, block by block.
class SwigluLimitsTest {
  private static final String EXPERTS = "swiglu_clamp_exp";
  private static final String SHARED = "swiglu_clamp_shexp";

  @TempDir Path directory;

  /// A number holds for all blocks, an array has one for each; 0 means none.
  @ParameterizedTest
  @CsvSource({
    "step35, SWIGLU_STEP",
    "bailingmoe3, SWIGLU_STEP",
    "glm5next, SWIGLU_CLAMPED",
    "glm5-next, SWIGLU_CLAMPED",
    "deepseek4, SWIGLU_CLAMPED",
    "deepseek41, SWIGLU_CLAMPED",
  })
  void areBeforeOrAfterSilu(String architecture, Activation.Function function) {
    Activation three = new Activation(function, 3, 1);
    Activation seven = new Activation(function, 7, 1);
    GgufBlock block = withShared(architecture).key(EXPERTS, 3f).key(SHARED, new float[] {7, 0});
    assertActivations(block, three, seven);
    block.key(EXPERTS, new float[] {0, 3});
    assertActivations(block, Activation.SILU, seven);
    block.key(EXPERTS, new float[] {3, 0}).key(SHARED, 0f);
    assertActivations(block, three, Activation.SILU);
    block.key(EXPERTS, 7f).key(SHARED, 7f);
    assertActivations(block, seven, seven);
    block.key(EXPERTS, 1e-6f).key(SHARED, -1f);
    assertActivations(block, Activation.SILU, Activation.SILU);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"step35", "bailingmoe3", "glm5next", "glm5-next", "deepseek4", "deepseek41"})
  void thatAreNotThereLimitNothing(String architecture) {
    assertActivations(withShared(architecture), Activation.SILU, Activation.SILU);
  }

  /// GLM-5-Next takes the one key for the other, if that is not there; the others don't.
  @ParameterizedTest
  @CsvSource({
    "step35, false",
    "bailingmoe3, false",
    "glm5next, true",
    "glm5-next, true",
    "deepseek4, true",
    "deepseek41, true"
  })
  void ofTheSharedExpertMayBeThoseOfTheRoutedOnes(String architecture, boolean same) {
    GgufBlock block = withShared(architecture).key(EXPERTS, new float[] {7});
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertThat(layer.experts().activation().limit()).isEqualTo(7);
      assertThat(shared(layer)).isEqualTo(same ? layer.experts().activation() : Activation.SILU);
    }
  }

  @Test
  void ofHunyuan4AreTheRoutedExpertsAlone() {
    GgufBlock block = withShared("hy_v4").key(EXPERTS, new float[] {7});
    assertActivations(block, Activation.swigluClamped(7), Activation.SILU);
    assertRefused(
        directory, block.key(SHARED, 7f), "\"hy_v4.swiglu_clamp_shexp\" is 7.0 for block 0");
  }

  /// Maple's first files lack the key.
  @Test
  void ofMapleAreSevenWhereNothingIsSaid() {
    assertExperts(GgufBlock.whole("maple"), Activation.swigluClamped(7));
    assertExperts(GgufBlock.whole("maple").key(EXPERTS, 3f), Activation.swigluClamped(3));
    assertExperts(GgufBlock.whole("maple").key(EXPERTS, new float[] {0}), Activation.SILU);
  }

  private void assertExperts(GgufBlock block, Activation expected) {
    try (Checkpoint checkpoint = open(directory, block)) {
      assertThat(MoeModel.of(checkpoint).layer(0).experts().activation()).isEqualTo(expected);
    }
  }

  /// MiniMax-M3's is a constant, and its shared expert has it too.
  @Test
  void ofMiniMaxM3AreNoKey() {
    assertActivations(withShared("minimax-m3"), Activation.swigluOai(7), Activation.swigluOai(7));
  }

  /// llama.cpp passes over these keys in most architectures.
  @ParameterizedTest
  @ValueSource(strings = {EXPERTS, SHARED})
  void areRefusedWhereTheyHaveNoUse(String key) {
    String sentence =
        String.format(
            Locale.ROOT, "\"exaone-moe.%s\" is 7.0 for block 0, but there is no use", key);
    assertRefused(directory, GgufBlock.whole("exaone-moe").key(key, 7f), sentence);
    assertRefused(directory, GgufBlock.whole("exaone-moe").key(key, new float[] {7, 0}), sentence);
    assertRefused(directory, GgufBlock.whole("exaone-moe").key(key, Float.NaN), "a finite number");
    assertRefused(
        directory, GgufBlock.whole("exaone-moe").key(key, new float[0]), "for each block");
    for (Object none : new Object[] {0f, new float[] {0, 7}}) {
      assertActivations(
          GgufBlock.whole("exaone-moe").key(key, none), Activation.SILU, Activation.SILU);
    }
  }

  private static GgufBlock withShared(String architecture) {
    return GgufBlock.whole(architecture)
        .key("expert_shared_count", 1)
        .key("expert_shared_feed_forward_length", GgufBlock.I)
        .withShared(GgufBlock.I);
  }

  private void assertActivations(GgufBlock block, Activation experts, Activation shared) {
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertThat(layer.experts().activation()).isEqualTo(experts);
      assertThat(shared(layer)).isEqualTo(shared);
    }
  }

  private static Activation shared(MoeLayer layer) {
    SharedExperts shared = Objects.requireNonNull(layer.shared());
    return shared.activation(layer.experts());
  }
}
