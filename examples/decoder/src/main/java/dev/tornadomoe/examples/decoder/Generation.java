package dev.tornadomoe.examples.decoder;

import java.io.PrintWriter;
import java.util.Locale;

/// Goes on with a prompt, and writes what comes as it comes.
final class Generation {
  private final Decoder decoder;
  private final DecoderConfig config;
  private final Sampler sampler;
  private final Text text;

  Generation(Decoder decoder, DecoderConfig config, Sampler sampler, Text text) {
    this.decoder = decoder;
    this.config = config;
    this.sampler = sampler;
    this.text = text;
  }

  /// Runs until the model ends its text, there are enough tokens, or the thread is interrupted.
  ///
  /// @param most tokens
  /// @param out for the text
  /// @param err for how fast it was
  void run(int[] prompt, int most, PrintWriter out, PrintWriter err) {
    long start = System.nanoTime();
    long prompted = start;
    int tokens = 0;
    String why = "";
    try {
      float[] logits = decoder.advance(prompt);
      prompted = System.nanoTime();
      while (tokens < most) {
        int next = sampler.next(logits);
        if (!Float.isFinite(logits[next])) {
          throw new DecoderException(
              "the logits at position %d are not finite", decoder.sequence().length() - 1);
        }
        if (config.endOfText().contains(next)) {
          why = ", the model ended its text";
          break;
        }
        tokens++;
        out.print(text.append(next));
        out.flush();
        if (tokens < most) {
          logits = decoder.advance(next);
        }
      }
    } catch (InterruptedException e) {
      why = ", interrupted";
    }
    long end = System.nanoTime();
    out.println();
    out.flush();
    err.println(
        String.format(
            Locale.ROOT,
            "prompt: %d tokens, %.1f per second; %d new tokens%s%s",
            prompt.length,
            prompt.length / seconds(start, prompted),
            tokens,
            // The first came with the prompt.
            tokens > 1
                ? String.format(
                    Locale.ROOT, ", %.1f per second", (tokens - 1) / seconds(prompted, end))
                : "",
            why));
  }

  private static double seconds(long start, long end) {
    return (end - start) / 1e9;
  }
}
