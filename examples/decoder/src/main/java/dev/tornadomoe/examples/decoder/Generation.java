package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.CallInterruptedException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// Goes on with a prompt, and writes what comes as it comes.
///
/// @param out for the text
/// @param err for how fast it was
record Generation(Decoder decoder, Sampler sampler, Text text, PrintWriter out, PrintWriter err) {
  private static final int PROFILED_STEPS = 9;

  /// Runs until the model ends its text, there are enough tokens, or the thread is interrupted.
  ///
  /// @param most tokens
  void run(int[] prompt, int most) {
    long start = System.nanoTime();
    float[] logits = decoder.advance(prompt);
    long prompted = System.nanoTime();
    long copies = -decoder.copies();
    int tokens = 0;
    List<Long> steps = new ArrayList<>(); // in ns
    try {
      int next = sampler.next(logits);
      while (!decoder.model.config().endOfText().contains(next)) {
        out.print(text.append(next));
        out.flush();
        if (++tokens == most) {
          break;
        }
        long before = System.nanoTime();
        logits = decoder.advance(next);
        steps.add(System.nanoTime() - before);
        next = sampler.next(logits);
      }
    } catch (CallInterruptedException e) {
      Thread.interrupted(); // this was meant, and nothing else
    }
    double seconds = (System.nanoTime() - prompted) / 1e9;
    copies += decoder.copies();
    out.println();
    out.flush();
    double promptSeconds = (prompted - start) / 1e9;
    err.printf(
        Locale.ROOT,
        "prompt: %d tokens, %.1f per second%n",
        prompt.length,
        prompt.length / promptSeconds);
    if (!steps.isEmpty()) {
      // The first token came with the prompt.
      err.printf(Locale.ROOT, "%d new tokens, %.1f per second%n", tokens, steps.size() / seconds);
      Collections.sort(steps);
      double median = steps.get(steps.size() / 2) / 1e6;
      double least = steps.getFirst() / 1e6;
      long each = copies / steps.size();
      err.printf(
          Locale.ROOT, "a step: %.2f ms (median), %.2f (least), %d copies%n", median, least, each);
    }
  }

  /// Writes how long the parts of a step take, the least of some runs of it.
  void profile() {
    Map<String, Long> parts = new TreeMap<>();
    for (int i = 0; i < PROFILED_STEPS; i++) {
      decoder.profile().forEach((part, nanos) -> parts.merge(part, nanos, Math::min));
    }
    if (parts.isEmpty()) {
      err.println("the parts of a step are not known where launches are not replayed");
      return;
    }
    double all = 0;
    double moe = 0;
    for (Map.Entry<String, Long> part : parts.entrySet()) {
      all += part.getValue();
      moe += part.getKey().startsWith("moe") ? part.getValue() : 0;
    }
    err.printf(Locale.ROOT, "MoE: %.0f %% of a step; its parts, ns: %s%n", 100 * moe / all, parts);
  }
}
