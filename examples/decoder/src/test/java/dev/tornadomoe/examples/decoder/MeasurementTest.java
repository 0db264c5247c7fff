package dev.tornadomoe.examples.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Progress;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class MeasurementTest {
  /// A small model with made-up weights: what a table says of copies is counted, not assumed.
  @Test
  void countsCopiesAndTimesSteps() throws InterruptedException {
    DecoderConfig config =
        new DecoderConfig(64, 3, 4, 2, 16, 1e-6f, 1e4, 96, 256, false, List.of());
    StringWriter table = new StringWriter();
    try (DecoderModel model = new MadeUpModel(config, 8, 2, 32).make();
        Decoder on = load(model, true);
        Decoder off = load(model, false)) {
      Measurement measurement = new Measurement(9, 4, config.vocabulary(), 0);
      measurement.add("on", on);
      measurement.add("off", off);
      measurement.run(new PrintWriter(table, true));
    }
    assertThat(table.toString().lines().skip(2).toList())
        .satisfiesExactly(
            row ->
                assertThat(row)
                    .matches("\\| on \\| calls \\| [0-9.]+ \\| [0-9.]+ \\| 0 \\| \\d+ % \\|"),
            row ->
                assertThat(row)
                    .matches("\\| off \\| calls \\| [0-9.]+ \\| [0-9.]+ \\| 3 \\| \\d+ % \\|"),
            row -> assertThat(row).isEmpty(),
            row -> assertThat(row).matches("us in a step of the first: all else \\d+ moe \\d+"));
  }

  private static Decoder load(DecoderModel model, boolean alias) {
    return DecoderBackend.named("cpu").load(model, DecoderOptions.of(32, 4, alias), Progress.NONE);
  }
}
