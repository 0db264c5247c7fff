package dev.tornadomoe.examples.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Progress;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The tiny models of src/test/resources give what transformers gives for them.
class CpuDecoderTest {
  private static final int POSITIONS = 64;

  @ParameterizedTest
  @ValueSource(strings = {"qwen3_moe_tiny", "qwen3_moe_tiny-w4a16"})
  void givesTheLogitsOfTransformersTokenByToken(String name) throws InterruptedException {
    Golden golden = Golden.read(Golden.MODELS.resolve(name));
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve(name));
        Decoder decoder = load(model, 1, true)) {
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
  void givesTheGreedyTokensOfTransformers(String name) throws InterruptedException {
    Golden golden = Golden.read(Golden.MODELS.resolve(name));
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve(name));
        Decoder decoder = load(model, 7, true)) {
      float[] logits = decoder.advance(golden.prompt());
      assertThat(Golden.error(golden.logits()[golden.prompt().length - 1], logits))
          .isLessThan(1e-4);
      int[] tokens = new int[golden.greedy().length];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = Sampler.greedy().next(logits);
        logits = decoder.advance(tokens[i]);
      }
      assertThat(tokens).isEqualTo(golden.greedy());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen3_moe_tiny", "qwen3_moe_tiny-w4a16"})
  void theAliasChangesNoBitAndSavesACopyForEachLayerOfEachStep(String name)
      throws InterruptedException {
    Golden golden = Golden.read(Golden.MODELS.resolve(name));
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve(name));
        Decoder aliased = load(model, 16, true);
        Decoder copied = load(model, 16, false)) {
      assertThat(aliased.advance(golden.prompt())).isEqualTo(copied.advance(golden.prompt()));
      long before = copied.copies();
      for (int token : golden.greedy()) {
        assertThat(aliased.advance(token)).isEqualTo(copied.advance(token));
      }
      assertThat(aliased.copies()).isZero();
      assertThat(copied.copies() - before)
          .isEqualTo((long) golden.greedy().length * model.config().layers());
    }
  }

  @Test
  void goesBackAndOnAgain() throws InterruptedException {
    Golden golden = Golden.read(Golden.MODELS.resolve("qwen3_moe_tiny"));
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve("qwen3_moe_tiny"));
        Decoder decoder = load(model, 16, true)) {
      decoder.advance(golden.greedy());
      decoder.shorten(0);
      decoder.advance(Arrays.copyOf(golden.prompt(), 4));
      assertThat(decoder.length()).isEqualTo(4);
      assertThat(Golden.error(golden.logits()[4], decoder.advance(golden.prompt()[4])))
          .isLessThan(1e-4);
    }
  }

  @Test
  void refusesWhatDoesNotFit() throws InterruptedException {
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve("qwen3_moe_tiny"));
        Decoder decoder = load(model, 16, true)) {
      assertThatThrownBy(() -> decoder.advance(320))
          .isInstanceOf(DecoderException.class)
          .hasMessage("token 320 is not in the vocabulary, expected 0 to 319");
      assertThatThrownBy(() -> decoder.advance(new int[POSITIONS + 1]))
          .isInstanceOf(DecoderException.class)
          .hasMessage("there is room for 64 tokens, found 65");
      decoder.advance(new int[POSITIONS]);
      assertThatThrownBy(() -> decoder.advance(1)).isInstanceOf(DecoderException.class);
    }
  }

  @Test
  void anInterruptEndsAStepAndLeavesTheSequenceAsItWas() throws InterruptedException {
    Golden golden = Golden.read(Golden.MODELS.resolve("qwen3_moe_tiny"));
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve("qwen3_moe_tiny"));
        Decoder decoder = load(model, 4, true)) {
      decoder.advance(Arrays.copyOf(golden.prompt(), 4));
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> decoder.advance(golden.prompt()))
          .isInstanceOf(InterruptedException.class);
      assertThat(Thread.interrupted()).isFalse();
      assertThat(decoder.length()).isEqualTo(4);
      assertThat(Golden.error(golden.logits()[4], decoder.advance(golden.prompt()[4])))
          .isLessThan(1e-4);
    }
  }

  private static Decoder load(DecoderModel model, int chunk, boolean alias) {
    return new CpuDecoder(model, new DecoderOptions(POSITIONS, chunk, alias), Progress.NONE);
  }
}
