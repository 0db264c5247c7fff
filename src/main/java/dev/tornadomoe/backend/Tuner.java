package dev.tornadomoe.backend;

import dev.tornadomoe.layer.MoeLayer;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Measures in which ways a backend's kernels can be cut for a layer, and keeps the fastest for
/// later sessions. It changes how fast they are, never what they compute.
public interface Tuner {

  /// Measures and writes what is best.
  ///
  /// @param request the layers, token counts, device and file
  /// @param progress hears of loading, and of each variant that is measured
  /// @return the variants that are fastest, and the file they are in
  /// @throws dev.tornadomoe.MoeException for a device that is not there, layers that can't be
  ///   measured together, a file that can't be written or is not the tuner's
  Report tune(Request request, Progress progress);

  /// What to measure.
  ///
  /// @param layers alike in sizes and formats; each call goes through all of them, so that weights
  ///   come from memory
  /// @param tokens of a call, each measured by itself
  /// @param seconds to measure a variant
  /// @param device as the backend numbers it, or null for the one that sessions use
  /// @param file to write, or null for the place where sessions look
  record Request(
      List<MoeLayer> layers,
      List<Integer> tokens,
      double seconds,
      @Nullable String device,
      @Nullable Path file) {
    /// Copies the lists.
    public Request {
      layers = List.copyOf(layers);
      tokens = List.copyOf(tokens);
    }
  }

  /// What was found.
  ///
  /// @param device in the backend's own words
  /// @param file that was written, or null where there was nothing to choose
  /// @param replaced why entries of an older file were dropped, or null
  /// @param choices one for each kind of work that has variants
  record Report(
      String device, @Nullable Path file, @Nullable String replaced, List<Choice> choices) {
    /// Copies the list.
    public Report {
      choices = List.copyOf(choices);
    }
  }

  /// The best variant for a range of token counts.
  ///
  /// @param tokens of a call, as measured
  /// @param fromTokens of the range that it is used for
  /// @param toTokens of that range
  /// @param variants how many were measured
  /// @param chosen in the backend's own words
  /// @param micros of the experts' kernels for a layer, in microseconds
  /// @param defaultMicros what those take that sessions use without a file
  record Choice(
      int tokens,
      int fromTokens,
      int toTokens,
      int variants,
      String chosen,
      double micros,
      double defaultMicros) {}
}
