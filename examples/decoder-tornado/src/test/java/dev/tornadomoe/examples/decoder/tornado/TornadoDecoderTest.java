package dev.tornadomoe.examples.decoder.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.examples.decoder.CpuDecoder;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderConfig;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.Golden;
import dev.tornadomoe.examples.decoder.MadeUpModel;
import dev.tornadomoe.examples.decoder.Sampler;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// The tiny models give on a device what transformers gives for them.
class TornadoDecoderTest {
  private static final int POSITIONS = 64;
  private static final int LAYERS = 4;

  @Test
  void givesLogitsAndTokensOfTransformersAndTheAliasChangesNoBit() {
    Golden golden = Golden.read("qwen3_moe_tiny-w4a16");
    int[] tokens = new int[golden.greedy().length];
    try (Checkpoint checkpoint = Golden.open("qwen3_moe_tiny-w4a16");
        Decoder aliased = load(checkpoint, 3, true);
        Decoder copied = load(checkpoint, 3, false)) {
      float[] logits = aliased.advance(golden.prompt());
      assertThat(Golden.error(golden.logits()[golden.prompt().length - 1], logits))
          .isLessThan(1e-4);
      assertThat(copied.advance(golden.prompt())).isEqualTo(logits);
      long before = copied.copies();
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = Sampler.greedy(logits);
        logits = aliased.advance(tokens[i]);
        assertThat(copied.advance(tokens[i])).isEqualTo(logits);
      }
      assertThat(tokens).isEqualTo(golden.greedy());
      assertThat(aliased.copies()).isZero();
      assertThat(copied.copies() - before).isEqualTo((long) tokens.length * LAYERS);
      assertThat(aliased.profile())
          .containsKeys("qkv", "rotate", "attend", "o", "norm", "moe_down", "head");
    }
  }

  @Test
  void expertsOfF32Too() {
    Golden golden = Golden.read("qwen3_moe_tiny");
    try (Checkpoint checkpoint = Golden.open("qwen3_moe_tiny");
        Decoder decoder = load(checkpoint, 4, true)) {
      decoder.advance(Arrays.copyOf(golden.prompt(), 13));
      for (int token = 13; token < golden.prompt().length; token++) {
        assertThat(Golden.error(golden.logits()[token], decoder.advance(golden.prompt()[token])))
            .as("token %d", token)
            .isLessThan(1e-4);
      }
    }
  }

  @Test
  void matricesOfBfloat16AndALongSequenceAreThoseOfTheCpu() {
    DecoderConfig config =
        new DecoderConfig(64, 1, 4, 2, 16, 1e-6f, 1e4, 97, 4096, false, List.of());
    Decoder.Options options = new Decoder.Options(1100, 2, true, Progress.NONE);
    DecoderModel model = new MadeUpModel(config, 8, 2, 32, new SplittableRandom(42)).make();
    try (Decoder cpu = new CpuDecoder(model, options);
        Decoder device = TornadoDecoder.load(model, options)) {
      for (int length = 1; length < 20; length += 3) {
        int[] ids = IntStream.range(length, 2 * length).toArray();
        assertThat(Golden.error(cpu.advance(ids), device.advance(ids)))
            .as("%d tokens more", length)
            .isLessThan(1e-4);
      }
    }
  }

  private static Decoder load(Checkpoint checkpoint, int chunk, boolean alias) {
    Decoder.Options options = new Decoder.Options(POSITIONS, chunk, alias, Progress.NONE);
    return TornadoDecoder.load(DecoderModel.of(checkpoint), options);
  }
}
