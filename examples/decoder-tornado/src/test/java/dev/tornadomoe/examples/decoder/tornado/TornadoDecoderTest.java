package dev.tornadomoe.examples.decoder.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.examples.decoder.CpuDecoder;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderConfig;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.DecoderOptions;
import dev.tornadomoe.examples.decoder.Golden;
import dev.tornadomoe.examples.decoder.MadeUpModel;
import dev.tornadomoe.examples.decoder.Sampler;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// The tiny models give on a device what transformers gives for them.
class TornadoDecoderTest {
  private static final int POSITIONS = 64;

  @Test
  void givesLogitsAndTokensOfTransformersAndTheAliasChangesNoBit() throws InterruptedException {
    Golden golden = Golden.read(Golden.MODELS.resolve("qwen3_moe_tiny-w4a16"));
    int[] tokens = new int[golden.greedy().length];
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve("qwen3_moe_tiny-w4a16"));
        Decoder aliased = load(model, 3, true);
        Decoder copied = load(model, 3, false)) {
      float[] logits = aliased.advance(golden.prompt());
      assertThat(Golden.error(golden.logits()[golden.prompt().length - 1], logits))
          .isLessThan(1e-4);
      assertThat(copied.advance(golden.prompt())).isEqualTo(logits);
      long before = copied.copies();
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = Sampler.greedy().next(logits);
        logits = aliased.advance(tokens[i]);
        assertThat(copied.advance(tokens[i])).isEqualTo(logits);
      }
      assertThat(tokens).isEqualTo(golden.greedy());
      assertThat(aliased.copies()).isZero();
      assertThat(copied.copies() - before)
          .isEqualTo((long) tokens.length * model.config().layers());

      aliased.shorten(0);
      assertThat(aliased.profile(golden.prompt()[0]))
          .containsKeys("qkv", "rotate", "attend", "head");
      for (int token = 1; token < golden.prompt().length; token++) {
        assertThat(Golden.error(golden.logits()[token], aliased.advance(golden.prompt()[token])))
            .as("token %d", token)
            .isLessThan(1e-4);
      }
    }
  }

  @Test
  void expertsOfF32Too() throws InterruptedException {
    Golden golden = Golden.read(Golden.MODELS.resolve("qwen3_moe_tiny"));
    try (DecoderModel model = DecoderModel.open(Golden.MODELS.resolve("qwen3_moe_tiny"));
        Decoder decoder = load(model, 4, true)) {
      decoder.advance(Arrays.copyOf(golden.prompt(), 13));
      assertThat(Golden.error(golden.logits()[13], decoder.advance(golden.prompt()[13])))
          .isLessThan(1e-4);
    }
  }

  @Test
  void matricesOfBfloat16AndALongSequenceAreThoseOfTheCpu() throws InterruptedException {
    DecoderConfig config =
        new DecoderConfig(64, 1, 4, 2, 16, 1e-6f, 1e4, 97, 4096, false, List.of());
    DecoderOptions options = new DecoderOptions(1100, 2, true);
    try (DecoderModel model = new MadeUpModel(config, 8, 2, 32).make();
        Decoder cpu = new CpuDecoder(model, options, Progress.NONE);
        Decoder device = TornadoMain.load(model, options, Progress.NONE)) {
      for (int length = 1; length < 20; length += 3) {
        int[] ids = IntStream.range(length, 2 * length).toArray();
        assertThat(Golden.error(cpu.advance(ids), device.advance(ids)))
            .as("%d tokens more", length)
            .isLessThan(1e-4);
      }
    }
  }

  private static Decoder load(DecoderModel model, int chunk, boolean alias) {
    return TornadoMain.load(model, new DecoderOptions(POSITIONS, chunk, alias), Progress.NONE);
  }
}
