package dev.tornadomoe.plan;

import java.util.List;
import java.util.Locale;

/// Why two buffers can't be the same memory: a value is read after something else was written over
/// it.
///
/// @param value the operand whose value is read
/// @param definition where the value comes from: an operation, or the caller
/// @param read the operation that reads it
/// @param readPhase the part of the layer that operation belongs to
/// @param write the operation that would have written over it before
/// @param sameStep whether these are one operation, which writes while it still reads
public record Hazard(
    String value, String definition, String read, Phase readPhase, String write, boolean sameStep) {

  static Hazard ofCallerValue(String value, List<LayerDraft.Stage> stages, int reader, int writer) {
    LayerDraft.Stage read = stages.get(reader);
    LayerDraft.Stage write = stages.get(writer);
    return new Hazard(
        value,
        "the caller",
        read.operation().name(),
        read.phase(),
        write.operation().name(),
        reader == writer);
  }

  /// As in `hidden (defined by the caller) is read by "gate/up" after "reduce" wrote over it`.
  @Override
  public String toString() {
    return sameStep
        ? String.format(
            Locale.ROOT,
            "%s (defined by %s) is read by \"%s\" while that writes over it",
            value,
            definition,
            read)
        : String.format(
            Locale.ROOT,
            "%s (defined by %s) is read by \"%s\" after \"%s\" wrote over it",
            value,
            definition,
            read,
            write);
  }
}
