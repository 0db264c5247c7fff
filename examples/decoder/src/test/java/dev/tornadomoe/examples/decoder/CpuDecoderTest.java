package dev.tornadomoe.examples.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.CallInterruptedException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.checkpoint.Checkpoint;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The tiny models of src/test/resources give what transformers gives for them.
class CpuDecoderTest {
  private static final int POSITIONS = 64;
  private static final int LAYERS = 4;

  @ParameterizedTest
  @ValueSource(strings = {"qwen3_moe_tiny", "qwen3_moe_tiny-w4a16"})
  void givesTheLogitsOfTransformersTokenByToken(String name) {
    Golden golden = Golden.read(name);
    try (Checkpoint checkpoint = Golden.open(name);
        Decoder decoder = load(checkpoint, 1, true)) {
      for (int token = 0; token < golden.prompt().length; token++) {
        float[] logits = decoder.advance(golden.prompt()[token]);
        assertThat(Golden.error(golden.logits()[token], logits))
            .as("token %d", token)
            .isLessThan(1e-4);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen3_moe_tiny", "qwen3_moe_tiny-w4a16"})
  void givesTheGreedyTokensOfTransformers(String name) {
    Golden golden = Golden.read(name);
    try (Checkpoint checkpoint = Golden.open(name);
        Decoder decoder = load(checkpoint, 7, true)) {
      float[] logits = decoder.advance(golden.prompt());
      assertThat(Golden.error(golden.logits()[golden.prompt().length - 1], logits))
          .isLessThan(1e-4);
      int[] tokens = new int[golden.greedy().length];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = Sampler.greedy(logits);
        logits = decoder.advance(tokens[i]);
      }
      assertThat(tokens).isEqualTo(golden.greedy());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen3_moe_tiny", "qwen3_moe_tiny-w4a16"})
  void theAliasChangesNoBitAndSavesACopyForEachLayerOfEachStep(String name) {
    Golden golden = Golden.read(name);
    try (Checkpoint checkpoint = Golden.open(name);
        Decoder aliased = load(checkpoint, 16, true);
        Decoder copied = load(checkpoint, 16, false)) {
      assertThat(aliased.advance(golden.prompt())).isEqualTo(copied.advance(golden.prompt()));
      long before = copied.copies();
      for (int token : golden.greedy()) {
        assertThat(aliased.advance(token)).isEqualTo(copied.advance(token));
      }
      assertThat(aliased.copies()).isZero();
      assertThat(copied.copies() - before).isEqualTo((long) golden.greedy().length * LAYERS);
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (Checkpoint checkpoint = Golden.open("qwen3_moe_tiny");
        Decoder decoder = load(checkpoint, 16, true)) {
      assertThatThrownBy(() -> decoder.advance(new int[POSITIONS + 1]))
          .isInstanceOf(DecoderException.class)
          .hasMessage("there is room for 64 tokens, found 65");
      decoder.advance(new int[POSITIONS]);
      assertThatThrownBy(() -> decoder.advance(1)).isInstanceOf(DecoderException.class);
    }
  }

  @Test
  void anInterruptEndsAStepAndLeavesTheSequenceAsItWas() {
    Golden golden = Golden.read("qwen3_moe_tiny");
    try (Checkpoint checkpoint = Golden.open("qwen3_moe_tiny");
        Decoder decoder = load(checkpoint, 4, true)) {
      decoder.advance(Arrays.copyOf(golden.prompt(), 4));
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> decoder.advance(golden.prompt()))
          .isInstanceOf(CallInterruptedException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(decoder.length).isEqualTo(4);
      assertThat(Golden.error(golden.logits()[4], decoder.advance(golden.prompt()[4])))
          .isLessThan(1e-4);
    }
  }

  private static Decoder load(Checkpoint checkpoint, int chunk, boolean alias) {
    Decoder.Options options = new Decoder.Options(POSITIONS, chunk, alias, Progress.NONE);
    return new CpuDecoder(DecoderModel.of(checkpoint), options);
  }
}
