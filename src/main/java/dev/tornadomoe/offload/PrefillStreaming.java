package dev.tornadomoe.offload;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.OffloadExperts.Streaming;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Has calls with many tokens bring the experts that are not on the device there, layer by layer,
/// instead of leaving them to the CPU: weights go up once for all tokens of a call, the CPU's time
/// grows with each. From how many tokens on is decided by two rates that are measured, or by you.
///
///     PrefillStreaming streaming = PrefillStreaming.measured(tornado, layers);
///     MoePlan plan = Offload.of(layers, placement, statistics).prefill(streaming).plan(planner);
public final class PrefillStreaming {
  private static final double GIGA = 1e9;
  private static final double MICROS = 1e6;
  private static final double MILLIS = 1e3;

  private final int tokens;
  private final @Nullable Rates rates;
  private final long windowBytes;

  /// What was measured.
  ///
  /// @param uploadBytesPerSecond of host memory, on its way to the device
  /// @param hostSecondsPerPair of the CPU, for a token and one of its experts
  public record Rates(double uploadBytesPerSecond, double hostSecondsPerPair) {}

  /// What the host has of a layer.
  ///
  /// @param share of all pairs that is expected to be its own
  record Part(MoeLayer layer, double share) {}

  private PrefillStreaming(int tokens, @Nullable Rates rates, long windowBytes) {
    this.tokens = tokens;
    this.rates = rates;
    this.windowBytes = windowBytes;
  }

  /// From a token count on, whatever is faster.
  ///
  /// @param tokens the fewest of a call
  /// @return streaming that is not decided by rates
  /// @throws OffloadException for less than 1
  public static PrefillStreaming from(int tokens) {
    if (tokens < 1) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "experts go through the device from %d tokens on, expected 1 or more",
              tokens));
    }
    return new PrefillStreaming(tokens, null, Long.MAX_VALUE);
  }

  /// Where it is faster by these rates.
  ///
  /// @param rates of this machine
  /// @return streaming that they decide
  public static PrefillStreaming by(Rates rates) {
    return new PrefillStreaming(1, rates, Long.MAX_VALUE);
  }

  /// Where it is faster by rates that are measured now, which takes a second or two.
  ///
  /// @param device has the device
  /// @param layers of which the CPU computes some experts of the first
  /// @return streaming that these rates decide
  /// @throws dev.tornadomoe.MoeException where they can't be measured
  public static PrefillStreaming measured(Backend device, List<MoeLayer> layers) {
    double upload =
        device
            .uploadBytesPerSecond()
            .orElseThrow(() ->
                new OffloadException(
                    String.format(
                        Locale.ROOT,
                        "experts can't go through the device of backend \"%s\", which has none",
                        device.name())));
    return by(new Rates(upload, HostRate.secondsPerPair(layers.getFirst())));
  }

  /// {@return the same with an end to what the device keeps free for weights on their way}
  ///
  /// @param bytes of one layer's experts that are there at once; one expert is there at least
  public PrefillStreaming within(long bytes) {
    return new PrefillStreaming(tokens, rates, bytes);
  }

  /// Decides for the layers of a plan together, whose calls are all of the same tokens.
  Streaming of(List<Part> parts) {
    long bytes = 0;
    long largest = 1;
    int most = 1;
    double pairsOfToken = 0;
    for (Part part : parts) {
      List<Mlp> experts = part.layer().experts().local();
      most = Math.max(most, experts.size());
      for (Mlp expert : experts) {
        bytes += expert.bytes();
        largest = Math.max(largest, expert.bytes());
      }
      pairsOfToken += part.layer().topK() * part.share();
    }
    int window = Math.clamp(windowBytes / largest, 1, most);
    Rates known = rates;
    if (known == null) {
      return new Streaming(
          tokens,
          window,
          String.format(
              Locale.ROOT,
              "prefill: from %d tokens on the host's experts go through the device, %d at a time,"
                  + " as was asked for",
              tokens,
              window));
    }
    return decided(known, bytes, pairsOfToken, window, parts.size());
  }

  private static Streaming decided(
      Rates rates, long bytes, double pairsOfToken, int window, int layers) {
    double upload = bytes / rates.uploadBytesPerSecond();
    double least = Math.ceil(upload / (pairsOfToken * rates.hostSecondsPerPair()));
    int from = (int) Math.clamp(least, 1, Integer.MAX_VALUE); // also where the host has no pairs
    return new Streaming(
        from,
        window,
        String.format(
            Locale.ROOT,
            "prefill: from %d tokens on the host's experts go through the device, %d at a time:"
                + " %s of a layer go up in %.2f ms at %.1f GB/s, in which the CPU computes %.0f of"
                + " its pairs at %.1f us each (both rates were measured)",
            from,
            window,
            ByteSize.format(bytes / layers),
            MILLIS * upload / layers,
            rates.uploadBytesPerSecond() / GIGA,
            upload / layers / rates.hostSecondsPerPair(),
            MICROS * rates.hostSecondsPerPair()));
  }
}
