package dev.tornadomoe.examples.decoder;

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
    long prompted = start;
    int tokens = 0;
    List<Long> steps = new ArrayList<>(); // in ns
    long copies = 0;
    String why = "";
    try {
      float[] logits = decoder.advance(prompt);
      prompted = System.nanoTime();
      copies = -decoder.copies();
      while (tokens < most) {
        int next = sampler.next(logits);
        if (!Float.isFinite(logits[next])) {
          throw new DecoderException(
              "the logits at position %d are not finite", decoder.length() - 1);
        }
        if (decoder.model.config().endOfText().contains(next)) {
          why = ", the model ended its text";
          break;
        }
        tokens++;
        out.print(text.append(next));
        out.flush();
        if (tokens < most) {
          long before = System.nanoTime();
          logits = decoder.advance(next);
          steps.add(System.nanoTime() - before);
        }
      }
    } catch (InterruptedException e) {
      why = ", interrupted";
    }
    long end = System.nanoTime();
    copies += decoder.copies();
    out.println();
    out.flush();
    err.println("prompt: " + prompt.length + " tokens" + speed(prompt.length, prompted - start));
    // The first one came with the prompt.
    err.println(tokens + " new tokens" + speed(steps.size(), end - prompted) + why);
    if (!steps.isEmpty()) {
      Collections.sort(steps);
      err.printf(
          Locale.ROOT,
          "a step: %.2f ms (median), %.2f (least), %d copies%n",
          steps.get(steps.size() / 2) / 1e6,
          steps.getFirst() / 1e6,
          copies / steps.size());
    }
  }

  private static String speed(int tokens, long nanos) {
    return tokens < 1 ? "" : String.format(Locale.ROOT, ", %.1f per second", tokens * 1e9 / nanos);
  }

  /// Writes how long the parts of the sequence's last step take, the least of some runs of it.
  void profile() throws InterruptedException {
    int position = decoder.length() - 1;
    Map<String, Long> parts = new TreeMap<>();
    for (int i = 0; i < PROFILED_STEPS; i++) {
      decoder.shorten(position);
      decoder.profile(0).forEach((part, nanos) -> parts.merge(part, nanos, Math::min));
    }
    long all = 0;
    long moe = 0;
    StringBuilder list = new StringBuilder();
    for (Map.Entry<String, Long> part : parts.entrySet()) {
      all += part.getValue();
      moe += part.getKey().startsWith("moe") ? part.getValue() : 0;
      list.append(String.format(Locale.ROOT, " %s %d", part.getKey(), part.getValue() / 1000));
    }
    err.printf(Locale.ROOT, "MoE: %.0f %% of a step; its parts, us:%s%n", 100.0 * moe / all, list);
  }
}
