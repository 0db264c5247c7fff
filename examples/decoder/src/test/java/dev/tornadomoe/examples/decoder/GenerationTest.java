package dev.tornadomoe.examples.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Progress;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GenerationTest {
  /// A small model with made-up weights: what is said of copies is counted, not assumed.
  @ParameterizedTest
  @CsvSource({"true, 0", "false, 3"})
  void saysHowLongAStepTakesAndHowManyCopiesItMakes(boolean alias, int copies) {
    DecoderConfig config =
        new DecoderConfig(64, 3, 4, 2, 16, 1e-6f, 1e4, 96, 256, false, List.of());
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    DecoderModel model = new MadeUpModel(config, 8, 2, 32, new SplittableRandom(42)).make();
    Decoder.Options options = new Decoder.Options(32, 4, alias, Progress.NONE);
    try (Decoder decoder = new CpuDecoder(model, options)) {
      Generation generation =
          new Generation(
              decoder,
              new Sampler(0, 1, 0),
              new Text(null),
              new PrintWriter(out, true),
              new PrintWriter(err, true));
      generation.run(new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9}, 5);
      generation.profile();
    }
    assertThat(out.toString().strip().split(" ")).hasSize(5);
    assertThat(err.toString().lines().toList())
        .satisfiesExactly(
            line -> assertThat(line).matches("prompt: 9 tokens, [0-9.]+ per second"),
            line -> assertThat(line).matches("5 new tokens, [0-9.]+ per second"),
            line ->
                assertThat(line)
                    .matches(
                        "a step: [0-9.]+ ms \\(median\\), [0-9.]+ \\(least\\), "
                            + copies
                            + " copies"),
            line ->
                assertThat(line)
                    .matches("MoE: \\d+ % of a step; its parts, ns: \\{all else=\\d+, moe=\\d+}"));
  }
}
