package dev.tornadomoe.examples.decoder;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// Times per output token with and without the alias, and for each way to launch. All take turns,
/// at the same positions of the same sequence.
final class Measurement {
  private static final int ROUNDS = 5;

  private final int[] prompt;
  private final int tokens;
  private final double warmUpSeconds;
  private final List<Contender> contenders = new ArrayList<>();

  /// What is measured.
  ///
  /// @param times of its steps, in ns
  private record Contender(String alias, Decoder decoder, String launches, List<Long> times) {}

  /// @param prompt how many tokens come before
  /// @param tokens that are timed in a round
  /// @param warmUpSeconds of each contender, before anything counts
  Measurement(int prompt, int tokens, int vocabulary, double warmUpSeconds) {
    this.warmUpSeconds = warmUpSeconds;
    this.prompt = IntStream.range(0, prompt).map(i -> i * 7919 % vocabulary).toArray();
    this.tokens = tokens;
  }

  /// Adds a decoder.
  ///
  /// @param alias what the table calls it
  void add(String alias, Decoder decoder) {
    for (String way : decoder.launches()) {
      contenders.add(new Contender(alias, decoder, way, new ArrayList<>()));
    }
  }

  /// Measures, and prints a table.
  void run(PrintWriter out) throws InterruptedException {
    for (Contender contender : contenders) {
      contender.decoder().sequence().shorten(0);
      contender.decoder().advance(prompt);
      long start = System.nanoTime();
      do {
        round(contender);
      } while (System.nanoTime() - start < warmUpSeconds * 1e9);
      contender.times().clear();
    }
    for (int round = 0; round < ROUNDS; round++) {
      for (Contender contender : contenders) {
        round(contender);
      }
    }
    out.println(
        "| alias | launches | ms per token, median | least | copies per step | share of MoE |");
    out.println("|---|---|---|---|---|---|");
    for (Contender contender : contenders) {
      out.println(row(contender));
    }
    out.println();
    out.print("us in a step of the first:");
    profile(contenders.getFirst().decoder())
        .forEach(
            (part, nanos) -> out.print(String.format(Locale.ROOT, " %s %.0f", part, nanos / 1e3)));
    out.println();
    out.flush();
  }

  private void round(Contender contender) throws InterruptedException {
    Decoder decoder = contender.decoder();
    decoder.launchBy(contender.launches());
    decoder.sequence().shorten(prompt.length);
    for (int i = 0; i < tokens; i++) {
      long start = System.nanoTime();
      decoder.advance(prompt[i % prompt.length]);
      contender.times().add(System.nanoTime() - start);
    }
  }

  private String row(Contender contender) throws InterruptedException {
    Decoder decoder = contender.decoder();
    decoder.launchBy(contender.launches());
    decoder.sequence().shorten(prompt.length);
    long before = decoder.copies();
    decoder.advance(prompt[0]);
    long copies = decoder.copies() - before;
    Map<String, Long> parts = profile(decoder);
    long all = parts.values().stream().mapToLong(nanos -> nanos).sum();
    long moe =
        parts.keySet().stream().filter(part -> part.startsWith("moe")).mapToLong(parts::get).sum();
    double[] times = contender.times().stream().mapToDouble(nanos -> nanos / 1e6).toArray();
    return String.format(
        Locale.ROOT,
        "| %s | %s | %.2f | %.2f | %d | %.0f %% |",
        contender.alias(),
        contender.launches(),
        median(times),
        Arrays.stream(times).min().orElseThrow(),
        copies,
        100.0 * moe / all);
  }

  /// The fastest of some steps' parts.
  private Map<String, Long> profile(Decoder decoder) throws InterruptedException {
    Map<String, Long> fastest = new TreeMap<>();
    for (int i = 0; i < Math.min(tokens, 9); i++) {
      decoder.sequence().shorten(prompt.length);
      decoder.profile(prompt[0]).forEach((part, nanos) -> fastest.merge(part, nanos, Math::min));
    }
    return fastest;
  }

  private static double median(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
